// Scripts: resource alarms, which block who publishes (CONN-35, CONN-77 to
// CONN-81).

package scripts

import (
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	wire "github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/delay"
)

var alarmScripts = []Script{
	{Name: "alarm/blocks-publishers", Covers: []string{"CONN-77", "CONN-78", "CONN-79", "CONN-80"}, Alone: true, Run: alarmBlocks},
	{Name: "alarm/of-two-resources", Covers: []string{"CONN-78", "CONN-80", "CONN-81"}, Alone: true, Run: alarmTwo},
	{Name: "alarm/on-the-wire", Covers: []string{"CONN-35", "CONN-78", "CONN-79"}, Alone: true, Run: alarmWire},
}

// blockings are the notices of a connection that is blocked or no longer.
func (c *Conn) blockings() <-chan amqp.Blocking {
	return c.NotifyBlocked(make(chan amqp.Blocking, notices))
}

// publishUntilBlocked publishes to nowhere until the connection is told that it is blocked:
// a broker that has much to do tells its connections of an alarm somewhat later.
func (ch *Channel) publishUntilBlocked(blocked <-chan amqp.Blocking) amqp.Blocking {
	t := ch.t
	ctx, cancel := t.patient()
	defer cancel()
	_ = delay.Poll(ctx, t.runner.clock, 20*time.Millisecond, func() bool { // Receive tells of a notice that does not come
		if len(blocked) == 0 {
			ch.SendAll(t.Name("nowhere"), "")
		}
		return len(blocked) > 0
	})
	return Receive(t, blocked, "connection.blocked")
}

func alarmBlocks(t *T) {
	publisher, bystander, idle := t.Dial(amqp.Config{}), t.Dial(amqp.Config{}), t.Dial(amqp.Config{})
	blocked, spared := publisher.blockings(), bystander.blockings()
	never := idle.blockings()
	ch, other := publisher.Open(), bystander.Open()
	q := other.NewSharedQueue()
	consumer := other.Subscribe(q, Subscription{NoAck: true})
	t.Alarm("memory")

	ch.Inspect(q) // who does not publish is not blocked
	ch.SendAll(q, "")
	t.Equal(amqp.Blocking{Active: true, Reason: "low on memory"}, Receive(t, blocked, "connection.blocked"), "notice")
	consumer.Expect("")
	ch.SendAll(q, "waits 1", "waits 2")
	ch.SendMandatory("", t.Name("q"), "nowhere")
	other.ExpectOpen()
	idle.Open().ExpectOpen()

	t.ClearAlarm("memory")
	t.Equal(amqp.Blocking{}, Receive(t, blocked, "connection.unblocked"), "notice")
	consumer.Expect("waits 1", "waits 2")
	ch.Returned()
	consumer.ExpectNoMore()
	t.Equal([2]int{}, [2]int{len(spared), len(never)}, "notices to those who did not publish")
	ch.SendAll(q, "free")
	other.Subscribe(q, Subscription{NoAck: true}).Expect("free")

	// What is not read ends with the header: this body waits.
	t.Alarm("memory")
	empty := other.NewSharedQueue()
	ch.SendAll(empty, "body")
	t.Equal(true, Receive(t, blocked, "connection.blocked").Active, "notice")
	other.ExpectDrain(empty)
	t.ClearAlarm("memory")
	other.Subscribe(empty, Subscription{NoAck: true}).Expect("body")
	t.Equal(amqp.Blocking{}, Receive(t, blocked, "connection.unblocked"), "notice")
	t.Equal(0, len(blocked), "further notices")
}

func alarmTwo(t *T) {
	publisher := t.Dial(amqp.Config{})
	blocked := publisher.blockings()
	ch, other := publisher.Open(), t.Channel()
	q := other.NewSharedQueue()
	consumer := other.Subscribe(q, Subscription{NoAck: true})
	t.Alarm("disk")
	t.Equal(amqp.Blocking{Active: true, Reason: "low on disk"}, ch.publishUntilBlocked(blocked), "notice")
	ch.SendAll(q, "")
	t.Alarm("memory")
	t.ClearAlarm("disk")
	ch.SendAll(q, "2")
	t.ClearAlarm("memory")
	t.Equal(amqp.Blocking{}, Receive(t, blocked, "connection.unblocked"), "notice")
	consumer.Expect("", "2")

	t.Alarm("disk")
	t.Alarm("memory")
	got := ch.publishUntilBlocked(blocked)
	ch.SendAll(q, "3")
	if !slices.Contains([]string{"low on disk & memory", "low on memory & disk"}, got.Reason) {
		t.Errorf("blocked for %q, expected both resources", got.Reason)
	}
	t.ClearAlarm("memory")
	t.ClearAlarm("disk")
	t.Equal(amqp.Blocking{}, Receive(t, blocked, "connection.unblocked"), "notice")
	consumer.Expect("3")
	t.Equal(0, len(blocked), "further notices")
}

// A blocked client is not expected to show a sign of life, and is shown them.
func alarmWire(t *T) {
	t.Alarm("memory") // first, as it may take longer than a silent client is borne with
	r := t.Raw()
	r.Start()
	startOk := t.startOk()
	startOk.ClientProperties = wire.Table{{Key: "capabilities", Value: wire.Table{{Key: "connection.blocked", Value: true}}}}
	r.SendMethod(0, startOk)
	tune := Await[*wire.ConnectionTune](r, 0)
	r.SendMethod(0, &wire.ConnectionTuneOk{ChannelMax: tune.ChannelMax, FrameMax: tune.FrameMax, Heartbeat: 1},
		&wire.ConnectionOpen{VirtualHost: t.VHost()})
	Await[*wire.ConnectionOpenOk](r, 0)
	r.OpenChannel(1)
	mute := t.RawOpen() // has not said that it knows connection.blocked
	absent := t.Name("q")
	publish := func(r *Raw) {
		r.SendMethod(1, &wire.BasicPublish{RoutingKey: absent, Mandatory: true})
		r.SendContent(1, noProps, "")
	}
	expectReturn := func(r *Raw) {
		Await[*wire.BasicReturn](r, 1)
		r.Content(1)
	}
	publish(r)
	r.Expect(0, &wire.ConnectionBlocked{Reason: "low on memory"})
	expectReturn(r)
	publish(mute)
	expectReturn(mute)
	publish(mute)
	for range 8 { // one each half second, and twice to three times the interval would end a silent client
		r.NextHeartbeat(3 * time.Second)
	}
	publish(r) // read as soon as the alarm is over, before silence counts again
	t.ClearAlarm("memory")
	r.Expect(0, &wire.ConnectionUnblocked{})
	expectReturn(r)
	expectReturn(mute)
	mute.ExpectOpen(1)
}
