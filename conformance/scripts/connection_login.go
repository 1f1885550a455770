// Scripts: start-ok, mechanisms and refused logins (CONN-13 to CONN-19).

package scripts

import (
	"fmt"

	wire "github.com/rabbetmq/rabbet/amqp"
)

var connectionLoginScripts = []Script{
	{Name: "connection/login", Covers: []string{"CONN-13", "CONN-14", "CONN-19"}, Run: connectionLogin},
	{Name: "connection/malformed-login", Covers: []string{"CONN-13", "CONN-14"}, Run: connectionMalformedLogin},
	{Name: "connection/refused-login", Covers: []string{"CONN-15"}, Run: connectionRefusedLogin},
	{Name: "connection/refused-login-without-the-capability", Covers: []string{"CONN-16"}, Run: connectionRefusedSilently},
	{Name: "connection/refused-login-is-not-waited-for", Covers: []string{"CONN-15"}, Run: connectionRefusedLoginEnds},
	{Name: "connection/unknown-mechanism", Covers: []string{"CONN-17"}, Run: connectionUnknownMechanism},
}

// answer sends start-ok with this mechanism and response.
func (t *T) answer(mechanism, response string, properties wire.Table) *Raw {
	r := t.Raw()
	r.Start()
	r.SendMethod(0, &wire.ConnectionStartOk{ClientProperties: properties, Mechanism: mechanism, Response: response, Locale: "en_US"})
	return r
}

// amqplain is the response of AMQPLAIN: a table without its length.
func amqplain(login, password any) string {
	t := wire.Table{{Key: "LOGIN", Value: login}, {Key: "PASSWORD", Value: password}}
	return string(wire.AppendTable(nil, t)[4:])
}

func plain(login, password string) string { return "\x00" + login + "\x00" + password }

func loginRefused(mechanism string) string {
	return fmt.Sprintf("Login was refused using authentication mechanism %s. For details see the broker logfile.", mechanism)
}

func connectionLogin(t *T) {
	uri := t.URI()
	reversed := wire.Table{{Key: "x", Value: int32(1)}, {Key: "PASSWORD", Value: uri.Password}, {Key: "LOGIN", Value: uri.Username}}
	for what, r := range map[string]*Raw{
		"PLAIN":                           t.answer("PLAIN", plain(uri.Username, uri.Password), nil),
		"AMQPLAIN":                        t.answer("AMQPLAIN", amqplain(uri.Username, uri.Password), nil),
		"AMQPLAIN in another order, more": t.answer("AMQPLAIN", string(wire.AppendTable(nil, reversed)[4:]), nil),
	} {
		t.Case(what, func() { Await[*wire.ConnectionTune](r, 0) })
	}
}

func connectionMalformedLogin(t *T) {
	uri := t.URI()
	login := plain(uri.Username, uri.Password)
	raws := map[string]*Raw{}
	for what, response := range map[string]string{
		"with an authzid": "x" + login, "with one NUL": login[1:], "with no NUL": uri.Username,
		"with a third NUL": login + "\x00", "empty": "", "a lone NUL": "\x00",
	} {
		raws["PLAIN "+what] = t.answer("PLAIN", response, failureClose)
	}
	for what, response := range map[string]string{
		"with its length": "\x00\x00\x00\x23" + amqplain(uri.Username, uri.Password), "empty": "",
		"without PASSWORD": string(wire.AppendTable(nil, wire.Table{{Key: "LOGIN", Value: uri.Username}})[4:]),
		"without LOGIN":    string(wire.AppendTable(nil, wire.Table{{Key: "PASSWORD", Value: uri.Password}})[4:]),
		"in lower case":    string(wire.AppendTable(nil, wire.Table{{Key: "login", Value: uri.Username}, {Key: "password", Value: uri.Password}})[4:]),
		"cut off":          amqplain(uri.Username, uri.Password)[:20],
		"no table":         login,
		"numbers":          amqplain(int32(1), int32(2)),
	} {
		raws["AMQPLAIN "+what] = t.answer("AMQPLAIN", response, failureClose)
	}
	for what, r := range raws {
		t.Case(what, r.ExpectSilentClose)
	}
}

// refusals are logins that are right in form, by mechanism.
func (t *T) refusals() map[string][]string {
	name, password := t.URI().Username, t.URI().Password
	return map[string][]string{
		"PLAIN":    {plain(name, password+"x"), plain(t.Name("nobody"), password), plain(name, ""), plain("", "")},
		"AMQPLAIN": {amqplain(name, password+"x"), amqplain(t.Name("nobody"), password), amqplain(name, "")},
	}
}

func connectionRefusedLogin(t *T) {
	for mechanism, responses := range t.refusals() {
		for _, response := range responses {
			t.Case(fmt.Sprintf("%s %q", mechanism, response), func() {
				t.answer(mechanism, response, failureClose).expectClose(403, loginRefused(mechanism), Nobody)
			})
		}
	}
}

func connectionRefusedSilently(t *T) {
	raws := map[string]*Raw{}
	for mechanism, responses := range t.refusals() {
		for _, response := range responses {
			raws[fmt.Sprintf("%s %q", mechanism, response)] = t.answer(mechanism, response, nil)
		}
	}
	for what, r := range raws {
		t.Case(what, r.ExpectSilentClose)
	}
}

// After the refusal the socket goes in 3 seconds, or upon close-ok.
func connectionRefusedLoginEnds(t *T) {
	mute := t.answer("PLAIN", plain(t.URI().Username, "wrong"), failureClose)
	polite := t.answer("PLAIN", plain(t.URI().Username, "wrong"), failureClose)
	for _, r := range []*Raw{mute, polite} {
		r.expectClose(403, loginRefused("PLAIN"), Nobody)
	}
	polite.SendMethod(0, &wire.ConnectionCloseOk{})
	t.Case("without close-ok", mute.ExpectSilentClose)
	t.Case("with close-ok", polite.ExpectDrop)
}

func connectionUnknownMechanism(t *T) {
	login := plain(t.URI().Username, t.URI().Password)
	raws := map[string]*Raw{}
	for _, mechanism := range []string{"", "plain", "PLAIN ", "EXTERNAL", "RABBIT-CR-DEMO", "SCRAM-SHA-256"} {
		raws[mechanism] = t.answer(mechanism, login, failureClose)
	}
	for what, r := range raws {
		t.Case(fmt.Sprintf("%q", what), r.ExpectSilentClose)
	}
}
