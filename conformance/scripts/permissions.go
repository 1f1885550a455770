// Scripts: what users may do with names of queues and exchanges, and with routing keys
// (PERM-1 to PERM-16).

package scripts

import (
	"context"
	"fmt"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

var permissionScripts = []Script{
	{Name: "permission/expressions", Covers: []string{"PERM-1"}, Run: permissionExpressions},
	{Name: "permission/perl-expressions", Covers: []string{"PERM-1"}, Run: permissionPerl},
	{Name: "permission/declare-queue", Covers: []string{"PERM-2", "PERM-3"}, Run: permissionDeclareQueue},
	{Name: "permission/declare-queue-with-dead-letters", Covers: []string{"PERM-2"}, Run: permissionDeadLetters},
	{Name: "permission/declare-exchange", Covers: []string{"PERM-4"}, Run: permissionDeclareExchange},
	{Name: "permission/declare-exchange-with-an-alternate", Covers: []string{"PERM-4"}, Run: permissionAlternate},
	{Name: "permission/declare-passively", Covers: []string{"PERM-5"}, Run: permissionPassive},
	{Name: "permission/delete", Covers: []string{"PERM-6"}, Run: permissionDelete},
	{Name: "permission/bind", Covers: []string{"PERM-7"}, Run: permissionBind},
	{Name: "permission/read", Covers: []string{"PERM-8"}, Run: permissionRead},
	{Name: "permission/publish", Covers: []string{"PERM-9"}, Run: permissionPublish},
	{Name: "permission/needs-none", Covers: []string{"PERM-10"}, Run: permissionNone},
	{Name: "permission/impersonator", Covers: []string{"PERM-10", "BASIC-5"}, Run: permissionImpersonator},
	{Name: "permission/topic", Covers: []string{"PERM-11", "PERM-12"}, Run: permissionTopic},
	{Name: "permission/topic-variables", Covers: []string{"PERM-13"}, Run: permissionVariables},
	{Name: "permission/revoked", Covers: []string{"PERM-14", "PERM-15"}, Run: permissionRevoked},
	{Name: "permission/empty-opens-the-virtual-host", Covers: []string{"PERM-16", "CONN-29"}, Run: permissionEmpty},
	{Name: "permission/deleted-user", Covers: []string{"CONN-74"}, Run: permissionDeletedUser},
	{Name: "permission/blank-password", Covers: []string{"CONN-20"}, Run: permissionBlankPassword},
}

// as connects as a user whose password is the name.
func (t *T) as(user string) *Conn {
	return t.Dial(amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: user, Password: user}}})
}

// noAccess is the text of a refusal (PERM-12): from 3.12 on it says what is refused.
func (t *T) noAccess(permission, resource, user string) string {
	if t.Version().AtLeast(3, 12, 0) {
		permission += " "
	} else {
		permission = ""
	}
	return fmt.Sprintf("%saccess to %s refused for user '%s'", permission, resource, user)
}

// ask asks the Admin for something.
func (t *T) ask(what string, call func(ctx context.Context, admin Admin) error) {
	admin := t.Admin()
	t.OK(t.asks(func(ctx context.Context) error { return call(ctx, admin) }), what)
}

// permit changes a user's permissions.
func (t *T) permit(user string, p Permissions) {
	t.ask("set permissions", func(ctx context.Context, a Admin) error { return a.SetPermissions(ctx, t.VHost(), user, p) })
}

// ownQueue is the attempt to declare a queue of a name.
func ownQueue(name string, args amqp.Table) func(*Channel) error {
	return func(ch *Channel) error {
		_, err := ch.QueueDeclare(name, false, false, true, false, args)
		return err
	}
}

func permissionExpressions(t *T) {
	prefix := t.Name("p")
	user := t.NewUser(Permissions{Configure: "^" + prefix + "-a|b$", Write: "", Read: ".*"})
	c := t.as(user)
	ch := c.Open()
	for _, name := range []string{prefix + "-a", prefix + "-a.more", "any." + prefix + "b"} { // not anchored
		t.OK(ownQueue(name, nil)(ch), "declare "+name)
	}
	for _, name := range []string{prefix + "-c", "x" + prefix + "-a", strings.ToUpper(prefix) + "-A"} {
		c.ExpectError(403, t.noAccess("configure", t.QueueText(name), user), ownQueue(name, nil))
	}
	c.ExpectError(403, t.noAccess("write", t.ExchangeText("amq.direct"), user), func(ch *Channel) error { // empty is nothing
		return ch.Publish("amq.direct", "k", false, false, amqp.Publishing{})
	})
}

func permissionPerl(t *T) {
	prefix := t.Name("p")
	for _, e := range []struct{ expression, yes, no string }{
		{`^(?!amq\.|` + prefix + `-no)`, prefix + "-yes", prefix + "-no"},
		{`^((?!dlq).)*$`, prefix + "-q", prefix + "-dlq"},
		{prefix + `\h[x]++$`, prefix + " xx", prefix + "hxx"},
		{`(?i)^` + strings.ToUpper(prefix) + `(?<=\d)[[:punct:]](?>a+)$`, prefix + "-aa", prefix + "-ab"},
		{`^\Q` + prefix + `.\E(?P<n>.)(?P=n)$`, prefix + ".zz", prefix + ".zy"},
	} {
		t.Case(e.expression, func() {
			user := t.NewUser(Permissions{Configure: e.expression, Write: "", Read: ""})
			c := t.as(user)
			t.OK(ownQueue(e.yes, nil)(c.Open()), "declare "+e.yes)
			c.ExpectError(403, t.noAccess("configure", t.QueueText(e.no), user), ownQueue(e.no, nil))
		})
	}
}

func permissionDeclareQueue(t *T) {
	theirs := t.Channel().NewSharedQueue()
	prefix := t.Name("mine")
	user := t.NewUser(Permissions{Configure: "^(" + prefix + "|amq\\.gen-A)", Write: ".*", Read: ".*"})
	c := t.as(user)
	t.OK(ownQueue(prefix, nil)(c.Open()), "declare")
	c.ExpectError(403, t.noAccess("configure", t.QueueText(theirs), user), ownQueue(theirs, nil)) // PERM-2: one that is there, too

	// PERM-3: the name is made first.
	only := t.NewUser(Permissions{Configure: "^amq\\.gen-", Write: "", Read: ""})
	_, err := t.as(only).Open().QueueDeclare("", false, false, true, false, nil)
	t.OK(err, "declare a queue that the server names")
}

func permissionDeadLetters(t *T) {
	prefix := t.Name("q")
	user := t.NewUser(Permissions{Configure: "^" + prefix, Write: "^" + prefix + "-x$", Read: "^" + prefix + "-r"})
	c := t.as(user)
	name := prefix + "-r"
	t.OK(ownQueue(name, amqp.Table{"x-dead-letter-exchange": prefix + "-x"})(c.Open()), "declare")
	c.ExpectError(403, t.noAccess("read", t.QueueText(prefix+"-s"), user),
		ownQueue(prefix+"-s", amqp.Table{"x-dead-letter-exchange": prefix + "-x"}))
	c.ExpectError(403, t.noAccess("write", t.ExchangeText(prefix+"-y"), user),
		ownQueue(prefix+"-r2", amqp.Table{"x-dead-letter-exchange": prefix + "-y"}))
	c.ExpectError(403, t.noAccess("write", t.ExchangeText("amq.default"), user),
		ownQueue(prefix+"-r2", amqp.Table{"x-dead-letter-exchange": ""}))
}

// exchange is the attempt to declare an exchange.
func ownExchange(name string, args amqp.Table) func(*Channel) error {
	return func(ch *Channel) error { return ch.ExchangeDeclare(name, "direct", false, false, false, false, args) }
}

// dropExchanges removes exchanges at the end.
func (t *T) dropExchanges(names ...string) {
	t.Cleanup(func() {
		ch := t.Channel()
		for _, name := range names {
			t.OK(ch.ExchangeDelete(name, false, false), "delete an exchange")
		}
	})
}

func permissionDeclareExchange(t *T) {
	prefix := t.Name("x")
	user := t.NewUser(Permissions{Configure: "^" + prefix, Write: "", Read: ""})
	t.dropExchanges(prefix)
	c := t.as(user)
	t.OK(ownExchange(prefix, nil)(c.Open()), "declare")
	c.ExpectError(403, t.noAccess("configure", t.ExchangeText("y"+prefix), user), ownExchange("y"+prefix, nil))
	c.ExpectError(403, t.noAccess("configure", t.ExchangeText("amq.direct"), user), func(ch *Channel) error { // one that is there
		return ch.ExchangeDeclare("amq.direct", "direct", true, false, false, false, nil)
	})
}

func permissionAlternate(t *T) {
	prefix := t.Name("x")
	user := t.NewUser(Permissions{Configure: "^" + prefix, Write: "^" + prefix + "-alt$", Read: "^" + prefix + "-r"})
	t.dropExchanges(prefix + "-r")
	c := t.as(user)
	t.OK(ownExchange(prefix+"-r", amqp.Table{"alternate-exchange": prefix + "-alt"})(c.Open()), "declare")
	c.ExpectError(403, t.noAccess("read", t.ExchangeText(prefix+"-s"), user),
		ownExchange(prefix+"-s", amqp.Table{"alternate-exchange": prefix + "-alt"}))
	c.ExpectError(403, t.noAccess("write", t.ExchangeText(prefix+"-other"), user),
		ownExchange(prefix+"-r2", amqp.Table{"alternate-exchange": prefix + "-other"}))
}

func permissionPassive(t *T) {
	q := t.Channel().NewSharedQueue()
	user := t.NewUser(Permissions{})
	c := t.as(user)
	queue := func(ch *Channel) error {
		_, err := ch.QueueDeclarePassive(q, false, false, false, false, nil)
		return err
	}
	exchange := func(ch *Channel) error {
		return ch.ExchangeDeclarePassive("amq.direct", "direct", true, false, false, false, nil)
	}
	if t.passiveNeedsPermission() {
		c.ExpectError(403, t.noAccess("configure", t.QueueText(q), user), queue)
		c.ExpectError(403, t.noAccess("configure", t.ExchangeText("amq.direct"), user), exchange)
		t.permit(user, Permissions{Read: ".*"})
	}
	t.OK(queue(c.Open()), "declare a queue passively")
	t.OK(exchange(c.Open()), "declare an exchange passively")
}

// passiveNeedsPermission is PERM-5 of the latest patches.
func (t *T) passiveNeedsPermission() bool {
	v := t.Version()
	return v.AtLeast(4, 3, 1) || v.AtLeast(4, 2, 7) && !v.AtLeast(4, 3, 0)
}

func permissionDelete(t *T) {
	q := t.Channel().NewSharedQueue()
	missing := t.Name("missing")
	user := t.NewUser(Permissions{Write: ".*", Read: ".*"})
	c := t.as(user)
	for _, name := range []string{q, missing} { // before existence
		c.ExpectError(403, t.noAccess("configure", t.QueueText(name), user), func(ch *Channel) error {
			_, err := ch.QueueDelete(name, false, false, false)
			return err
		})
	}
	c.ExpectError(403, t.noAccess("configure", t.ExchangeText(missing), user), func(ch *Channel) error {
		return ch.ExchangeDelete(missing, false, false)
	})
}

func permissionBind(t *T) {
	q, other := t.Channel().NewSharedQueue(), t.Channel().NewSharedQueue()
	missing := t.Name("missing")
	user := t.NewUser(Permissions{Write: ExactNames(q, "amq.fanout"), Read: "^(amq\\.direct|missing)"})
	c := t.as(user)
	bind := func(queue, exchange string) func(*Channel) error {
		return func(ch *Channel) error { return ch.QueueBind(queue, "k", exchange, false, nil) }
	}
	ch := c.Open()
	t.OK(bind(q, "amq.direct")(ch), "bind")
	t.OK(ch.QueueUnbind(q, "k", "amq.direct", nil), "unbind")
	t.OK(ch.ExchangeBind("amq.fanout", "k", "amq.direct", false, nil), "bind exchanges")
	t.OK(ch.ExchangeUnbind("amq.fanout", "k", "amq.direct", false, nil), "unbind exchanges")

	for what, do := range map[string]struct {
		text string
		do   func(*Channel) error
	}{
		"write on the queue":         {t.noAccess("write", t.QueueText(other), user), bind(other, "amq.direct")},
		"write comes first":          {t.noAccess("write", t.QueueText(other), user), bind(other, "amq.topic")},
		"and before the default one": {t.noAccess("write", t.QueueText(other), user), bind(other, "")},
		"read on the exchange":       {t.noAccess("read", t.ExchangeText("amq.topic"), user), bind(q, "amq.topic")},
		"the default exchange":       {"operation not permitted on the default exchange", bind(q, "")},
		"a queue that is not there":  {t.noAccess("write", t.QueueText(missing), user), bind(missing, "amq.direct")},
		"unbind": {t.noAccess("read", t.ExchangeText("amq.topic"), user), func(ch *Channel) error {
			return ch.QueueUnbind(q, "k", "amq.topic", nil)
		}},
		"write on the destination": {t.noAccess("write", t.ExchangeText("amq.topic"), user), func(ch *Channel) error {
			return ch.ExchangeBind("amq.topic", "k", "amq.direct", false, nil)
		}},
		"read on the source": {t.noAccess("read", t.ExchangeText("amq.headers"), user), func(ch *Channel) error {
			return ch.ExchangeUnbind("amq.fanout", "k", "amq.headers", false, nil)
		}},
		"the default exchange as destination": {t.noAccess("write", t.ExchangeText("amq.default"), user), func(ch *Channel) error {
			return ch.ExchangeBind("", "k", "amq.direct", false, nil)
		}},
	} {
		t.Case(what, func() { c.ExpectError(403, do.text, do.do) })
	}
}

func permissionRead(t *T) {
	q, missing := t.Channel().NewSharedQueue(), t.Name("missing")
	exclusive := t.Channel().NewQueue()
	user := t.NewUser(Permissions{Configure: ".*", Write: ".*"})
	c := t.as(user)
	for _, name := range []string{q, missing, exclusive} { // before existence and exclusivity
		text := t.noAccess("read", t.QueueText(name), user)
		c.ExpectError(403, text, func(ch *Channel) error {
			_, _, err := ch.Get(name, true)
			return err
		})
		c.ExpectError(403, text, func(ch *Channel) error {
			_, err := ch.Consume(name, "", true, false, false, false, nil)
			return err
		})
		c.ExpectError(403, text, func(ch *Channel) error {
			_, err := ch.QueuePurge(name, false)
			return err
		})
	}
}

func permissionPublish(t *T) {
	q := t.Channel().NewSharedQueue()
	user := t.NewUser(Permissions{Write: "^amq\\.(fanout|default)$"})
	c := t.as(user)
	publish := func(exchange, key string) func(*Channel) error {
		return func(ch *Channel) error { return ch.Publish(exchange, key, false, false, amqp.Publishing{}) }
	}
	ch := c.Open().Confirming()
	ch.Send("", q, "1")
	ch.Send("amq.fanout", q, "")
	ch.AllConfirmed(2)
	missing := t.Name("missing")
	for _, x := range []string{"amq.direct", missing} { // before existence
		c.ExpectError(403, t.noAccess("write", t.ExchangeText(x), user), publish(x, "k"))
	}
	none := t.NewUser(Permissions{Write: "^amq\\.direct$"})
	t.as(none).ExpectError(403, t.noAccess("write", t.ExchangeText("amq.default"), none), publish("", q))
}

func permissionNone(t *T) {
	q := t.Channel().NewSharedQueue()
	t.Channel().Confirming().Store(q, "1", "2", "3")
	user := t.NewUser(Permissions{Read: ".*"})
	ch := t.as(user).Open()
	t.OK(ch.Qos(5, 0, false), "qos")
	first, second, third := ch.Fetch(q), ch.Fetch(q), ch.Fetch(q)
	t.permit(user, Permissions{})
	t.OK(first.Ack(false), "ack")
	t.OK(second.Nack(false, true), "nack")
	t.OK(third.Reject(true), "reject")
	t.OK(ch.Confirm(false), "confirm.select")
	t.OK(t.as(user).Open().Tx(), "tx.select")
	ch.ExpectOpenFor(t)
}

func permissionImpersonator(t *T) {
	user := t.NewUser(Permissions{Write: ".*"})
	as := func(id string) func(*Channel) error {
		return func(ch *Channel) error {
			return ch.Publish("amq.fanout", "", false, false, amqp.Publishing{UserId: id})
		}
	}
	text := fmt.Sprintf("user_id property set to 'somebody' but authenticated user was '%s'", user)
	t.as(user).ExpectError(406, text, as("somebody"))
	for _, tag := range []string{"administrator", "impersonator"} {
		t.ask("set tags", func(ctx context.Context, a Admin) error { return a.SetTags(ctx, user, tag) })
		c := t.as(user)
		if tag == "administrator" { // which gives no right by itself
			c.ExpectError(406, text, as("somebody"))
			c.ExpectError(403, t.noAccess("configure", t.QueueText("amq-q"), user), ownQueue("amq-q", nil))
			continue
		}
		ch := c.Open().Confirming()
		t.OK(as("somebody")(ch), "publish as somebody else")
		ch.AllConfirmed(1)
	}
}

func permissionTopic(t *T) {
	x := t.Channel().NewExchange("topic")
	q := t.Channel().NewSharedQueue()
	user := t.NewUser(Permissions{Configure: ".*", Write: ".*", Read: ".*"})
	c := t.as(user)
	publish := func(exchange, key string) func(*Channel) error {
		return func(ch *Channel) error { return ch.Publish(exchange, key, false, false, amqp.Publishing{}) }
	}
	t.OK(publish(x, "anything")(c.Open()), "publish without a topic permission")
	t.ask("set a topic permission", func(ctx context.Context, a Admin) error {
		return a.SetTopicPermissions(ctx, t.VHost(), user, x, "^a\\.", "^b")
	})
	c = t.as(user)
	topic := func(permission, key string) string {
		return t.noAccess(permission, fmt.Sprintf("topic '%s' in %s", key, t.ExchangeText(x)), user)
	}
	ch := c.Open().Confirming()
	ch.Send(x, "a.b", "")
	ch.AllConfirmed(1)
	c.ExpectError(403, topic("write", "b.a"), publish(x, "b.a"))
	t.OK(ch.QueueBind(q, "b.#", x, false, nil), "bind")
	for _, key := range []string{"a.#", "#"} { // the text of the pattern
		c.ExpectError(403, topic("read", key), func(ch *Channel) error { return ch.QueueBind(q, key, x, false, nil) })
		c.ExpectError(403, topic("read", key), func(ch *Channel) error { return ch.QueueUnbind(q, key, x, nil) })
	}
	c.ExpectError(403, topic("read", "a"), func(ch *Channel) error {
		return ch.ExchangeBind("amq.fanout", "a", x, false, nil)
	})
	ch = c.Open().Confirming()
	ch.Send("amq.topic", "b.a", "") // another exchange
	ch.AllConfirmed(1)
}

func permissionVariables(t *T) {
	x := t.Channel().NewExchange("topic")
	user := t.NewUser(Permissions{Write: ".*"})
	t.ask("set a topic permission", func(ctx context.Context, a Admin) error {
		return a.SetTopicPermissions(ctx, t.VHost(), user, x, "^{vhost}#{username}#{client_id}$", "")
	})
	c := t.as(user)
	ch := c.Open().Confirming()
	ch.Send(x, t.VHost()+"#"+user+"#{client_id}", "")
	ch.AllConfirmed(1)
	key := t.VHost() + "#other#{client_id}"
	c.ExpectError(403, t.noAccess("write", fmt.Sprintf("topic '%s' in %s", key, t.ExchangeText(x)), user), func(ch *Channel) error {
		return ch.Publish(x, key, false, false, amqp.Publishing{})
	})
}

// A consumer goes on; what a channel does anew is refused, at the latest when it has been
// idle.
func permissionRevoked(t *T) {
	q := t.Channel().NewSharedQueue()
	user := t.NewUser(Permissions{Configure: ".*", Write: ".*", Read: ".*"})
	c := t.as(user)
	consumer := c.Open().Subscribe(q, Subscription{NoAck: true})
	t.permit(user, Permissions{Write: "^nothing$"})
	ch := t.Channel()
	ch.Send("", q, "after")
	consumer.Expect("after")
	c.ExpectError(403, t.noAccess("read", t.QueueText(q), user), func(ch *Channel) error {
		_, _, err := ch.Get(q, true)
		return err
	})
	c.ExpectError(403, t.noAccess("write", t.ExchangeText("amq.default"), user), func(ch *Channel) error {
		return ch.Publish("", q, false, false, amqp.Publishing{})
	})
}

func permissionEmpty(t *T) {
	user := t.NewUser(Permissions{})
	t.as(user).Open().ExpectOpenFor(t)
	other := t.NewVHost()
	_, err := t.TryDial(amqp.Config{Vhost: other, SASL: []amqp.Authentication{&amqp.PlainAuth{Username: user, Password: user}}})
	t.Equal(true, err != nil, "a virtual host without a permission is closed")
}

func permissionDeletedUser(t *T) {
	user := t.NewUser(Permissions{Configure: ".*", Write: ".*", Read: ".*"})
	c := t.as(user)
	t.ask("delete a user", func(ctx context.Context, a Admin) error { return a.DeleteUser(ctx, user) })
	c.ExpectClosed(320, fmt.Sprintf("user '%s' is deleted", user))
	_, err := t.TryDial(amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: user, Password: user}}})
	t.Equal(true, err != nil, "a deleted user is refused")
}

func permissionBlankPassword(t *T) {
	user := t.Name("user")
	t.ask("create a user", func(ctx context.Context, a Admin) error { return a.CreateUser(ctx, user, "") })
	t.Cleanup(func() {
		t.ask("delete a user", func(ctx context.Context, a Admin) error { return a.DeleteUser(ctx, user) })
	})
	for _, password := range []string{"", user, "guest"} {
		t.answer("PLAIN", plain(user, password), failureClose).expectClose(403, loginRefused("PLAIN"), Nobody)
	}
}

// ExpectOpenFor is ExpectOpen for a user who may do nothing.
func (ch *Channel) ExpectOpenFor(t *T) { t.OK(ch.Qos(1, 0, false), "use a channel that must be open") }
