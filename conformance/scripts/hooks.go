// What a script can do to a broker besides speaking AMQP: restart it, kill it,
// raise alarms, set policies, make virtual hosts. A script that needs a hook
// which the run lacks ends as NotOffered. What is set here is undone at
// the end of the script.

package scripts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/delay"
)

// Hooks are what can be done to the broker besides speaking AMQP. A script that
// needs one which is nil ends as NotOffered. conformance.Options documents them.
type Hooks struct {
	Dial          func(context.Context) (net.Conn, error)
	Restart, Kill func(context.Context) error
	Alarm         func(ctx context.Context, resource string, on bool) error
	AckTimeout    func(ctx context.Context, limit time.Duration) error
	NodeLimit     func(ctx context.Context, limit string, n int) error
	Admin         Admin
}

// hookLimit is how long one call of a hook may take. RabbitMQ needs some seconds
// to restart, and a busy machine as many to start rabbitmqctl.
const hookLimit = 60 * time.Second

// Restart ends the broker in order and starts it again. All connections are
// gone afterwards; T.Conn and T.Channel open new ones. The script must be Alone.
func (t *T) Restart() { t.again(t.runner.hooks.Restart, "a way to restart the broker") }

// Kill ends the broker as a power cut does and starts it again, as Restart does.
func (t *T) Kill() { t.again(t.runner.hooks.Kill, "a way to kill and restart the broker") }

func (t *T) again(restart func(context.Context) error, what string) {
	t.needs(restart != nil, what)
	if !t.script.Alone {
		t.Fatalf("a script that restarts the broker must be Alone")
	}
	ctx, cancel := t.within()
	defer cancel()
	t.OK(restart(ctx), "restart the broker")
	var err error
	if delay.Poll(ctx, t.runner.clock, 20*time.Millisecond, func() bool {
		err = t.runner.login(ctx)
		return err == nil
	}) != nil {
		t.Fatalf("the broker is not back after a restart: %v", err)
	}
	t.conn = nil // it is gone, even if the client has not noticed yet
}

// dialer is how the client reaches the broker.
func (r *Runner) dialer(ctx context.Context) func(network, addr string) (net.Conn, error) {
	return func(network, addr string) (net.Conn, error) {
		if r.hooks.Dial != nil {
			return r.hooks.Dial(ctx)
		}
		return (&net.Dialer{Timeout: max(r.patience, connectTimeout)}).DialContext(ctx, network, addr)
	}
}

// login opens a connection and closes it again.
func (r *Runner) login(ctx context.Context) error {
	conn, err := amqp.DialConfig(r.url, amqp.Config{Dial: r.dialer(ctx)})
	if err != nil {
		return err
	}
	return conn.Close()
}

// needs ends the script as NotOffered unless the run has what it needs.
func (t *T) needs(has bool, what string) {
	if !has {
		t.NotOffered("this run has no " + strings.TrimPrefix(what, "a "))
	}
}

// within gives a context for a call of a hook, clean-up included.
func (t *T) within() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.ctx))
	timer := t.runner.clock.AfterFunc(hookLimit, cancel)
	return ctx, func() {
		timer.Stop()
		cancel()
	}
}

// asks calls a method of an Admin that may not have it.
func (t *T) asks(call func(context.Context) error) error {
	ctx, cancel := t.within()
	defer cancel()
	err := call(ctx)
	if errors.Is(err, ErrNotOffered) {
		t.NotOffered(err.Error())
	}
	return err
}

// Admin is the run's Admin; without one the script ends as NotOffered.
func (t *T) Admin() Admin {
	t.needs(t.runner.hooks.Admin != nil, "management API")
	return t.runner.hooks.Admin
}

// VHost is the virtual host of the broker's URL.
func (t *T) VHost() string { return t.runner.uri.Vhost }

// OwnNames is an expression that matches the names which Name makes for this
// run of this script, and no others.
func (t *T) OwnNames() string { return fmt.Sprintf(`^.+-%s-%d-\d+$`, t.runner.run, t.number) }

// ExactNames is an expression that matches these names and no others.
func ExactNames(names ...string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = regexp.QuoteMeta(name)
	}
	return "^(" + strings.Join(quoted, "|") + ")$"
}

// Policy sets a policy, in effect when it returns, and gives its name. Name and
// Pattern may be left empty: then the name is new, and all names of the script
// match.
func (t *T) Policy(p Policy) string {
	name, err := t.TryPolicy(p)
	t.OK(err, "set a policy")
	return name
}

// TryPolicy is Policy for scripts that expect a refusal, an *AdminError.
func (t *T) TryPolicy(p Policy) (string, error) {
	return t.putPolicy(p, t.Admin().PutPolicy, t.Admin().DeletePolicy)
}

// OperatorPolicy is Policy for an operator policy.
func (t *T) OperatorPolicy(p Policy) string {
	name, err := t.TryOperatorPolicy(p)
	t.OK(err, "set an operator policy")
	return name
}

// TryOperatorPolicy is OperatorPolicy for scripts that expect a refusal.
func (t *T) TryOperatorPolicy(p Policy) (string, error) {
	return t.putPolicy(p, t.Admin().PutOperatorPolicy, t.Admin().DeleteOperatorPolicy)
}

// RemovePolicy removes a policy before the end of the script.
func (t *T) RemovePolicy(name string) { t.dropPolicy(name, t.Admin().DeletePolicy) }

// RemoveOperatorPolicy removes an operator policy before the end of the script.
func (t *T) RemoveOperatorPolicy(name string) { t.dropPolicy(name, t.Admin().DeleteOperatorPolicy) }

type (
	putsPolicy  = func(ctx context.Context, vhost string, p Policy) error
	dropsPolicy = func(ctx context.Context, vhost, name string) error
)

func (t *T) putPolicy(p Policy, put putsPolicy, drop dropsPolicy) (string, error) {
	if p.Name == "" {
		p.Name = t.Name("policy")
	}
	if p.Pattern == "" {
		p.Pattern = t.OwnNames()
	}
	t.Cleanup(func() { t.dropPolicy(p.Name, drop) })
	return p.Name, t.asksOfPolicies(func(ctx context.Context) error { return put(ctx, t.VHost(), p) })
}

func (t *T) dropPolicy(name string, drop dropsPolicy) {
	t.OK(t.asksOfPolicies(func(ctx context.Context) error { return drop(ctx, t.VHost(), name) }), "remove a policy")
}

// asksOfPolicies lets one change follow the other. RabbitMQ lists the policies of
// a virtual host and then looks at each queue, so a change that overlaps another
// may undo it.
func (t *T) asksOfPolicies(call func(context.Context) error) error {
	t.runner.policies.Lock()
	defer t.runner.policies.Unlock()
	return t.asks(call)
}

// NewVHost makes a virtual host that is deleted at the end, and gives its name.
// Dial with amqp.Config{Vhost: name} connects to it.
func (t *T) NewVHost() string {
	name := t.Name("vh")
	admin := t.Admin()
	t.OK(t.asks(func(ctx context.Context) error { return admin.CreateVHost(ctx, name, t.runner.uri.Username) }), "create a virtual host")
	t.Cleanup(func() {
		ctx, cancel := t.within()
		defer cancel()
		if err := admin.DeleteVHost(ctx, name); !errors.Is(err, ErrNotOffered) {
			t.OK(err, "delete a virtual host")
		}
	})
	return name
}

// NewUser makes a user with permissions in the virtual host of the broker's URL,
// who is deleted at the end, and gives the name, which is the password as well.
func (t *T) NewUser(p Permissions) string {
	name := t.Name("user")
	t.OK(t.asks(func(ctx context.Context) error { return t.Admin().CreateUser(ctx, name, name) }), "create a user")
	t.Cleanup(func() {
		t.OK(t.asks(func(ctx context.Context) error { return t.Admin().DeleteUser(ctx, name) }), "delete a user")
	})
	t.OK(t.asks(func(ctx context.Context) error { return t.Admin().SetPermissions(ctx, t.VHost(), name, p) }), "set permissions")
	return name
}

// Alarm raises the alarm of a resource, "memory" or "disk", and clears it at the
// end of the script. The script must be Alone.
func (t *T) Alarm(resource string) {
	t.needs(t.runner.hooks.Alarm != nil, "a way to raise an alarm")
	if !t.script.Alone {
		t.Fatalf("a script that raises an alarm must be Alone")
	}
	t.Cleanup(func() { t.ClearAlarm(resource) })
	t.OK(t.asks(func(ctx context.Context) error { return t.runner.hooks.Alarm(ctx, resource, true) }), "raise an alarm")
}

// ClearAlarm clears an alarm before the end of the script.
func (t *T) ClearAlarm(resource string) {
	t.OK(t.asks(func(ctx context.Context) error { return t.runner.hooks.Alarm(ctx, resource, false) }), "clear an alarm")
}

// connectTimeout is the least time to connect, however little patience there is otherwise: a
// system that loses the first packet sends it again after a second.
const connectTimeout = 10 * time.Second

// defaultAckTimeout is RabbitMQ's (BASIC-65).
const defaultAckTimeout = 30 * time.Minute

// AckTimeout has deliveries on channels that are opened from now on wait for
// their acknowledgement for so long and no longer. At the end of the script it is
// the default again. All that is not durable may be gone. The script must be
// Alone.
func (t *T) AckTimeout(limit time.Duration) {
	t.needs(t.runner.hooks.AckTimeout != nil, "a way to shorten the wait for acknowledgements")
	if !t.script.Alone {
		t.Fatalf("a script that changes how long deliveries wait must be Alone")
	}
	set := func(limit time.Duration) error {
		return t.asks(func(ctx context.Context) error { return t.runner.hooks.AckTimeout(ctx, limit) })
	}
	t.Cleanup(func() { t.OK(set(defaultAckTimeout), "set the wait for acknowledgements back") })
	t.OK(set(limit), "shorten the wait for acknowledgements")
}

// NodeLimit sets a limit of the whole broker, by the name of RabbitMQ's configuration such
// as connection_max, for what is opened from now on. At the end of the script there is
// none again. All that is not durable may be gone. The script must be Alone.
func (t *T) NodeLimit(limit string, n int) {
	t.needs(t.runner.hooks.NodeLimit != nil, "a way to limit the whole broker")
	if !t.script.Alone {
		t.Fatalf("a script that limits the whole broker must be Alone")
	}
	set := func(n int) error {
		return t.asks(func(ctx context.Context) error { return t.runner.hooks.NodeLimit(ctx, limit, n) })
	}
	t.Cleanup(func() { t.OK(set(-1), "take the limit away") })
	t.OK(set(n), "limit the broker")
}
