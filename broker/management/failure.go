package management

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
)

// A failure is an answer other than success, in RabbitMQ's form.
type failure struct {
	status int
	// kind is the field "error" of the body; "" is an empty body.
	kind string
	// reason is a string or, where RabbitMQ has a tuple of Erlang, an array.
	reason any
}

// Error is the failure as the log has it.
func (f *failure) Error() string {
	if f.kind == "" {
		return http.StatusText(f.status)
	}
	return fmt.Sprintf("%s: %v", f.kind, f.reason)
}

// errNotFound is what RabbitMQ answers for routes and objects that are not there.
var errNotFound = &failure{http.StatusNotFound, "Object Not Found", "Not Found"}

// notFound is the answer of a route whose object goes missing while it is executed.
func notFound(reason string) error { return &failure{http.StatusNotFound, "not_found", reason} }

var errVHostNotFound = notFound("vhost_not_found")

// badRequest refuses a request with a text, or with the array that RabbitMQ makes of a
// tuple.
func badRequest(reason any) error { return &failure{http.StatusBadRequest, "bad_request", reason} }

// notAuthorised refuses what the caller may not do. RabbitMQ answers 401, not 403.
func notAuthorised(reason string) error {
	return &failure{http.StatusUnauthorized, "not_authorised", reason}
}

// status is an answer without a body.
func status(code int) error { return &failure{status: code} }

// keysMissing names mandatory fields as RabbitMQ prints them.
func keysMissing(keys []string) error {
	terms := make([]string, len(keys))
	for i, key := range keys {
		terms[i] = "{key_missing," + key + "}"
	}
	return badRequest("[" + strings.Join(terms, ",") + "]")
}

// refusal is a broker's refusal in the form that RabbitMQ gives it where the API stands
// for one method of AMQP: the text without the name of the code.
func refusal(err error) error {
	var e *amqp.Error
	if !errors.As(err, &e) {
		return badRequest(err.Error())
	}
	switch e.Code {
	case amqp.NotFound:
		return notFound(e.Text)
	case amqp.AccessRefused, amqp.NotAllowed:
		return notAuthorised("Access refused.")
	}
	return badRequest(e.Text)
}

// textOf is the text of an error, without the name of its code if it has one.
func textOf(err error) string {
	var e *amqp.Error
	if errors.As(err, &e) {
		return e.Text
	}
	return err.Error()
}

// channelRefusal is a broker's refusal where RabbitMQ opens a channel for the request:
// the text with the number of the code and, if only the channel closes, its name.
func channelRefusal(err error) error {
	var e *amqp.Error
	if !errors.As(err, &e) {
		return badRequest(err.Error())
	}
	switch e.Code {
	case amqp.NotFound:
		return notFound(e.Error())
	case amqp.AccessRefused:
		return notAuthorised(e.Error())
	}
	if e.Hard() {
		return badRequest(fmt.Sprintf("%d %s", e.Code, e.Text))
	}
	return badRequest(fmt.Sprintf("%d %s", e.Code, e.Error()))
}
