package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	amqp091 "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/delay"
)

// graduations counts the tests that fill a source.
var graduations atomic.Int64

// A graduation is a Rabbet that moves to a target, which is another Rabbet, or the RabbitMQ
// that the environment names as .ci/with-rabbitmq and .ci/graduate-cluster do.
type graduation struct {
	t                *testing.T
	dir              string
	port, management int
	source           *server
	to, toAMQP       []string // nodes of the target
	queues, each     int
	moved            []string // the queues
}

// sizeOf is a number of the environment.
func sizeOf(name string, standard int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return standard
}

// freePort is a port on which nothing listens, for a broker that comes back to it. It is below
// those that a kernel gives to who asks for any, and stays free while the broker is down.
func freePort(t *testing.T) int {
	for range 100 {
		port := 16000 + rand.IntN(9000) // none of the usual ones
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
	require.Fail(t, "no port is free")
	return 0
}

func newGraduation(t *testing.T) *graduation {
	g := &graduation{t: t, dir: t.TempDir(), port: freePort(t), management: freePort(t)}
	g.to, g.toAMQP = strings.Fields(os.Getenv("RABBITMQ_MANAGEMENT_URL")), strings.Fields(os.Getenv("RABBITMQ_URL"))
	if len(g.to) == 0 {
		port := freePort(t)
		target := start(t, nil, "serve", "--data-dir", t.TempDir(), "--management", strconv.Itoa(port), "--profile", "4.3")
		g.to, g.toAMQP = []string{fmt.Sprintf("http://guest:guest@127.0.0.1:%d", port)}, []string{"amqp://guest:guest@" + target.address + "/"}
	}
	g.queues = sizeOf("GRADUATE_QUEUES", 4)
	g.each = sizeOf("GRADUATE_MESSAGES", 4000) / g.queues
	g.startSource()
	return g
}

func (g *graduation) startSource() {
	g.source = follow(g.t, command(g.t, nil, "serve", "--data-dir", filepath.Join(g.dir, "data"),
		"--port", strconv.Itoa(g.port), "--management", strconv.Itoa(g.management)))
	go func(s *server) {
		for s.rest.Scan() { // so that its log never waits
		}
	}(g.source)
}

func (g *graduation) sourceURL() string {
	return fmt.Sprintf("http://guest:guest@127.0.0.1:%d", g.management)
}

// api calls a management API.
func (g *graduation) api(base, method, path, body string) []byte {
	req, err := http.NewRequest(method, base+path, strings.NewReader(body))
	require.NoError(g.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(g.t, err)
	defer resp.Body.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(resp.Body)
	require.NoError(g.t, err)
	require.Equal(g.t, 2, resp.StatusCode/100, "%s %s: %s", method, path, out.String())
	return out.Bytes()
}

// fill declares the queues and publishes what they hold, confirmed.
func (g *graduation) fill() {
	run := fmt.Sprintf("%d.%d", os.Getpid(), graduations.Add(1)) // the target keeps what a test leaves
	for i := range g.queues {
		kind := []string{"classic", "quorum"}[i%2]
		name := fmt.Sprintf("graduate.%s.%s.%d", run, kind, i)
		g.moved = append(g.moved, name)
		args := fmt.Sprintf(`{"x-queue-type":%q}`, kind)
		if kind == "quorum" {
			args = `{"x-queue-type":"quorum","x-delivery-limit":20}`
		}
		g.api(g.sourceURL(), http.MethodPut, "/api/queues/%2F/"+name, `{"durable":true,"arguments":`+args+`}`)
	}
	var wg sync.WaitGroup
	work := make(chan string)
	for range 4 {
		conn, err := amqp091.Dial(fmt.Sprintf("amqp://guest:guest@127.0.0.1:%d/", g.port))
		require.NoError(g.t, err)
		defer conn.Close()
		ch, err := conn.Channel()
		require.NoError(g.t, err)
		require.NoError(g.t, ch.Confirm(false))
		wg.Go(func() {
			for name := range work {
				var last *amqp091.DeferredConfirmation
				for n := 1; n <= g.each; n++ {
					last, err = ch.PublishWithDeferredConfirm("", name, false, false, g.message(name, n))
					if !assert.NoError(g.t, err) {
						return
					}
				}
				assert.True(g.t, last.Wait())
			}
		})
	}
	for _, name := range g.moved {
		work <- name
	}
	close(work)
	wg.Wait()
}

// message is message n of a queue: every tenth has what is hard to copy.
func (g *graduation) message(queue string, n int) amqp091.Publishing {
	m := amqp091.Publishing{DeliveryMode: 2, MessageId: strconv.Itoa(n), ContentType: "text/plain", Body: []byte(queue + " " + strconv.Itoa(n))}
	if n%10 == 0 {
		m.Headers = amqp091.Table{"CC": []any{queue}, "n": int32(n), "u": int8(7), "nested": amqp091.Table{"d": amqp091.Decimal{Scale: 2, Value: 314}}}
		m.Headers["CC"] = []any{"nowhere"}
		m.Expiration = "36000000"
		m.CorrelationId, m.ReplyTo, m.Type, m.AppId = "c", "r", "t", "a"
		m.Timestamp = time.Unix(1700000000, 0)
	}
	return m
}

// apply is the command that moves.
func (g *graduation) apply(more ...string) *exec.Cmd {
	args := []string{"graduate", "apply", "--from", g.sourceURL(), "--state", filepath.Join(g.dir, "state"), "--patience", "5m"}
	for _, url := range g.to {
		args = append(args, "--to", url)
	}
	for _, url := range g.toAMQP {
		args = append(args, "--to-amqp", url)
	}
	return command(g.t, nil, append(args, more...)...)
}

// A movedQueue is what the report says of a queue.
type movedQueue struct {
	Name          string
	Copied        int
	Before        int      `json:"target_before"`
	After         int      `json:"target_after"`
	PossiblyTwice []uint64 `json:"possibly_twice"`
	Emptied       bool
	Trouble       string
	Hazards       struct {
		CC         int `json:"cc"`
		Expiration int `json:"expiration"`
	}
}

// report reads what has been written down.
func (g *graduation) report() map[string]movedQueue {
	text, err := os.ReadFile(filepath.Join(g.dir, "state", "report.json"))
	require.NoError(g.t, err)
	var r struct{ Queues []movedQueue }
	require.NoError(g.t, json.Unmarshal(text, &r))
	byName := map[string]movedQueue{}
	for _, q := range r.Queues {
		byName[q.Name] = q
	}
	return byName
}

// check consumes all that the target has, and holds it against what was published and what
// the report says. It returns how many messages were there twice.
func (g *graduation) check() (twice int) {
	var conn *amqp091.Connection
	for _, url := range g.toAMQP {
		var err error
		if conn, err = amqp091.Dial(url); err == nil {
			break
		}
	}
	require.NotNil(g.t, conn, "a node of the target answers")
	defer conn.Close()
	report := g.report()
	for _, name := range g.moved {
		q := report[name]
		assert.True(g.t, q.Emptied, "%s: %s", name, q.Trouble)
		assert.Equal(g.t, g.each, q.Copied, name)
		twice += g.checkQueue(conn, q, q.After-q.Before)
		ch, err := conn.Channel()
		require.NoError(g.t, err)
		_, err = ch.QueueDelete(name, false, false, false)
		require.NoError(g.t, err)
	}
	left := g.api(g.sourceURL(), http.MethodGet, "/api/queues?columns=messages", "")
	assert.NotRegexp(g.t, `"messages":[1-9]`, string(left), "the source is empty")
	return twice
}

func (g *graduation) checkQueue(conn *amqp091.Connection, q movedQueue, n int) (twice int) {
	ch, err := conn.Channel()
	require.NoError(g.t, err)
	defer ch.Close()
	list, err := ch.Consume(q.Name, "", true, false, false, false, nil)
	require.NoError(g.t, err)
	seen, next := map[int64]bool{}, int64(1)
	for range n {
		d, ok := <-list
		require.True(g.t, ok)
		seq, ok := d.Headers["x-rabbet-graduate-seq"].(int64)
		require.True(g.t, ok, "it has a number")
		if seen[seq] {
			twice++
			assert.True(g.t, slices.Contains(q.PossiblyTwice, uint64(seq)), "%s: %d is there twice and not in the report", q.Name, seq)
			continue
		}
		seen[seq] = true
		require.Equal(g.t, next, seq, "%s: the order of first arrivals", q.Name)
		next++
		g.checkMessage(q.Name, int(seq), &d)
	}
	assert.Len(g.t, seen, g.each, "%s: none is lost", q.Name)
	return twice
}

// checkMessage compares a message with what was published.
func (g *graduation) checkMessage(queue string, n int, d *amqp091.Delivery) {
	want := g.message(queue, n)
	have := amqp091.Publishing{
		Headers: d.Headers, ContentType: d.ContentType, DeliveryMode: d.DeliveryMode, CorrelationId: d.CorrelationId, ReplyTo: d.ReplyTo,
		MessageId: d.MessageId, Timestamp: d.Timestamp, Type: d.Type, AppId: d.AppId, Body: d.Body,
	}
	if want.Expiration != "" {
		left, err := strconv.Atoi(d.Expiration)
		require.NoError(g.t, err)
		require.True(g.t, left > 0 && left <= 36000000, "what is left of its time to live: %d", left)
		require.Equal(g.t, want.Expiration, d.Headers["x-rabbet-graduate-expiration"])
		want.Expiration = ""
	}
	if cc := want.Headers["CC"]; cc != nil {
		require.Equal(g.t, cc, d.Headers["x-rabbet-graduate-cc"], "what would route it again is in a header")
		delete(want.Headers, "CC")
	}
	for name := range d.Headers {
		if strings.HasPrefix(name, "x-rabbet-graduate-") {
			delete(d.Headers, name)
		}
	}
	if len(d.Headers) == 0 {
		have.Headers = nil
	}
	require.Equal(g.t, want, have)
	require.Equal(g.t, queue, d.RoutingKey, "the key that it was published with")
}

// journals is how many bytes the position takes, which grows with every message.
func (g *graduation) journals() (n int64) {
	paths, err := filepath.Glob(filepath.Join(g.dir, "state", "*.journal"))
	require.NoError(g.t, err)
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			n += info.Size()
		}
	}
	return n
}

// journaled is about what the journals have, in bytes, when all messages are copied.
func (g *graduation) journaled() float64 { return float64(g.queues*g.each) * 2 * 26 }

// copied is the part of all messages that has been copied.
func (g *graduation) copied() float64 { return float64(g.journals()) / g.journaled() }

// until waits until a part of all messages is copied. It fails once a minute has brought
// nothing, with what the command has said.
func (g *graduation) until(part float64, said *bytes.Buffer) {
	want := int64(part * g.journaled())
	last, since := int64(-1), delay.Real{}.Now()
	for now := g.journals(); now < want; now = g.journals() {
		if now != last {
			last, since = now, delay.Real{}.Now()
		}
		if (delay.Real{}).Now().Sub(since) > time.Minute {
			require.Fail(g.t, "nothing is copied", "%d of %d bytes: %s", now, want, said)
		}
		require.NoError(g.t, delay.Wait(context.Background(), delay.Real{}, time.Millisecond))
	}
}

// Everything arrives, in order, with all that it has, and Rabbet is empty.
func TestGraduateMovesEverything(t *testing.T) {
	g := newGraduation(t)
	g.fill()
	plan := g.apply("--dry-run")
	out, err := plan.CombinedOutput()
	require.NoError(t, err, "%s", out)
	began := delay.Real{}.Now()
	cmd := g.apply()
	out, err = cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%d messages in %d queues moved in %v", g.each*g.queues, g.queues, delay.Real{}.Now().Sub(began).Round(time.Millisecond))
	for name, q := range g.report() {
		assert.Empty(t, q.PossiblyTwice, name)
		assert.Equal(t, g.each/10, q.Hazards.CC, name)
		assert.Equal(t, g.each/10, q.Hazards.Expiration, name)
	}
	assert.Zero(t, g.check())
}

// shell runs a command line.
func shell(t *testing.T, line string) {
	text, err := exec.CommandContext(context.Background(), "sh", "-c", line).CombinedOutput()
	require.NoError(t, err, "%s", text)
}

// Kills anywhere lose nothing: of the command, of Rabbet and, where GRADUATE_KILL is a
// command that kills it, of a node of the target. RabbitMQ itself would lose the quorum queues
// that it was told of seconds ago: GRADUATE_SETTLE is a command that has it write them.
func TestGraduateSurvivesKills(t *testing.T) {
	g := newGraduation(t)
	g.fill()
	began := delay.Real{}.Now()
	first := g.apply()
	var out bytes.Buffer
	first.Stdout, first.Stderr = &out, &out
	require.NoError(t, first.Start())
	g.until(0.2, &out)
	require.NoError(t, first.Process.Kill())
	_ = first.Wait() // It was killed.
	shell(t, os.Getenv("GRADUATE_SETTLE"))
	out.Reset()
	second := g.apply()
	second.Stdout, second.Stderr = &out, &out
	before := g.copied()
	require.NoError(t, second.Start())
	g.until(max(0.4, before+0.01), &out) // so that it is at work, however far the first one was
	require.NoError(t, g.source.cmd.Process.Signal(syscall.SIGKILL))
	_ = g.source.cmd.Wait() // It was killed.
	g.startSource()
	kills := 2
	if kill := os.Getenv("GRADUATE_KILL"); kill != "" {
		g.until(0.6, &out)
		shell(t, kill)
		kills++
	}
	require.NoError(t, second.Wait(), "%s", &out)
	took := delay.Real{}.Now().Sub(began)
	listed := 0
	for name, q := range g.report() {
		listed += len(q.PossiblyTwice)
		assert.LessOrEqual(t, len(q.PossiblyTwice), kills*512, "%s: the window of each kill", name)
	}
	twice := g.check()
	t.Logf("%d messages in %d queues, %d kills, %v: lost 0, twice %d, listed as possibly twice %d",
		g.each*g.queues, g.queues, kills, took.Round(time.Millisecond), twice, listed)
}
