package graduate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/rabbetmq/rabbet/broker/definitions"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
	"github.com/rabbetmq/rabbet/delay"
)

// ImportOptions say what is brought here from a production broker.
type ImportOptions struct {
	// VHosts are the virtual hosts; none is all. Users brings users and permissions too.
	VHosts []string
	Users  bool
	// Sample is how many messages of each queue come along; 0 is none. A stream is read, and
	// so stays as it was. From other queues messages are taken only with AllowRedelivered:
	// they go back, and are marked there as redelivered from then on.
	Sample           int
	AllowRedelivered bool
	// Source is the AMQP URL of the production broker; it counts with Sample alone.
	Source string
	// Say is told what happens; nil is nobody.
	Say func(line string)
}

// An Imported says what has come.
type Imported struct {
	Definitions *definitions.Document
	// Messages counts the messages of each queue, and Passed lists queues of which none were
	// taken, with why.
	Messages map[string]int
	Passed   []string
}

// Import brings definitions here, and messages where the options say so. The API from is
// nil for definitions that come out of a file.
func Import(ctx context.Context, have *Definitions, from, to *mgmt.Client, o ImportOptions) (*Imported, error) {
	doc, err := definitions.Decode(have.Document)
	if err != nil {
		return nil, err
	}
	j := &job{Options: Options{VHosts: o.VHosts, Users: o.Users}}
	j.choose(doc)
	body, err := encode(doc)
	if err != nil {
		return nil, err
	}
	if err := to.Do(ctx, http.MethodPost, "/api/definitions", json.RawMessage(body), nil); err != nil {
		return nil, fmt.Errorf("importing definitions: %w", err)
	}
	r := &Imported{Definitions: doc, Messages: map[string]int{}}
	if o.Sample <= 0 {
		return r, nil
	}
	if from == nil {
		return r, errors.New("a sample needs the production broker's API, not a file")
	}
	facts, err := AskTarget(ctx, to)
	if err != nil {
		return r, err
	}
	s := &sampler{ImportOptions: o, to: facts.Addresses}
	if s.user, s.password = to.Login(); s.user == "" { // the control socket needs none
		s.user, s.password = "guest", "guest"
	}
	for _, q := range doc.Queues {
		kind, _ := q.Arguments["x-queue-type"].(string)
		at := fmt.Sprintf("queue %q in vhost %q", q.Name, *q.VHost)
		if kind != "stream" && !o.AllowRedelivered {
			r.Passed = append(r.Passed, at+": to take messages would mark them there as redelivered; --allow-redelivered permits it")
			continue
		}
		n, err := s.sample(ctx, *q.VHost, q.Name, kind == "stream")
		r.Messages[at] = n
		if err != nil {
			return r, fmt.Errorf("%s: %w", at, err)
		}
	}
	return r, nil
}

// A sampler copies the first messages of queues.
type sampler struct {
	ImportOptions
	to             []string // addresses of the Rabbet
	user, password string
}

// sample copies up to Sample messages of a queue. All but a stream's go back when the
// connection ends.
func (s *sampler) sample(ctx context.Context, vhost, queue string, stream bool) (int, error) {
	uri, err := amqp091.ParseURI(s.Source)
	if err != nil {
		return 0, fmt.Errorf("bad AMQP URL: %w", err)
	}
	in, err := openChannel(uri, vhost)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if err := errors.Join(in.ch.Qos(s.Sample, 0, false), s.sayTaking(vhost, queue, stream)); err != nil {
		return 0, err
	}
	here, err := amqp091.ParseURI("amqp://" + s.to[0])
	if err != nil {
		return 0, err
	}
	here.Username, here.Password = s.user, s.password
	out, err := openChannel(here, vhost)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	if err := out.ch.Confirm(false); err != nil {
		return 0, err
	}
	state, err := in.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil {
		return 0, err
	}
	args := amqp091.Table{}
	if stream {
		args["x-stream-offset"] = "first"
	} else if state.Messages == 0 {
		return 0, nil
	}
	list, err := in.ch.ConsumeWithContext(ctx, queue, "rabbet graduate import", false, false, false, false, args)
	if err != nil {
		return 0, err
	}
	want := s.Sample
	if !stream {
		want = min(want, state.Messages)
	}
	return s.take(ctx, list, out.ch, queue, want)
}

func (s *sampler) sayTaking(vhost, queue string, stream bool) error {
	if !stream && s.Say != nil {
		s.Say(fmt.Sprintf("queue %q in vhost %q: up to %d messages are taken and go back; the production broker marks them as redelivered", queue, vhost, s.Sample))
	}
	return nil
}

// take publishes what comes until there are enough, or nothing comes for a while.
func (s *sampler) take(ctx context.Context, list <-chan amqp091.Delivery, to *amqp091.Channel, queue string, want int) (n int, err error) {
	var last *amqp091.DeferredConfirmation
	for n < want {
		late := make(chan struct{})
		timer := delay.Real{}.AfterFunc(quiet, func() { close(late) })
		select {
		case d, ok := <-list:
			timer.Stop()
			if !ok {
				return n, errors.New("the production broker has ended the consumer")
			}
			delete(d.Headers, "x-stream-offset")
			m := amqp091.Publishing{
				Headers: d.Headers, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: d.DeliveryMode, Priority: d.Priority,
				CorrelationId: d.CorrelationId, ReplyTo: d.ReplyTo, MessageId: d.MessageId, Timestamp: d.Timestamp, Type: d.Type, AppId: d.AppId, Body: d.Body,
			}
			if last, err = to.PublishWithDeferredConfirmWithContext(ctx, "", queue, true, false, m); err != nil {
				return n, err
			}
			n++
		case <-late:
			want = n
		case <-ctx.Done():
			timer.Stop()
			return n, ctx.Err()
		}
	}
	if last != nil && !last.Wait() {
		return n, errors.New("this broker does not take a message")
	}
	return n, nil
}

// quiet is how long nothing comes from a queue that has no more.
const quiet = 2 * time.Second

// A chan091 is a connection of RabbitMQ's client with one channel.
type chan091 struct {
	*amqp091.Connection
	ch *amqp091.Channel
}

func openChannel(uri amqp091.URI, vhost string) (*chan091, error) {
	uri.Vhost = vhost
	conn, err := amqp091.DialConfig(uri.String(), amqp091.Config{Vhost: vhost, Properties: amqp091.Table{"connection_name": "rabbet graduate import"}})
	if err != nil {
		return nil, err
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &chan091{conn, ch}, nil
}

// URL is the AMQP URL of an address, with the login of an API.
func URL(address string, api *mgmt.Client) string {
	user, password := api.Login()
	u := url.URL{Scheme: "amqp", User: url.UserPassword(user, password), Host: address, Path: "/"}
	return u.String()
}
