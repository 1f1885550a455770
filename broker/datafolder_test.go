package broker_test

// Data folders that earlier programs wrote: every one in testdata/folders opens, and
// holds what the text beside it says, to the last property.

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/store"
)

var describeDataFolders = flag.Bool("describe-data-folders", false, "write the texts of testdata/folders that are missing")

func TestDataFolders(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join("testdata", "folders", "*.gz"))
	require.NoError(t, err)
	require.NotEmpty(t, archives)
	for _, archive := range archives {
		t.Run(filepath.Base(archive), func(t *testing.T) {
			text := strings.TrimSuffix(archive, ".gz") + ".txt"
			got := describeFolder(t, unpack(t, archive), profileIn(archive))
			want, err := os.ReadFile(text)
			if os.IsNotExist(err) && *describeDataFolders {
				require.NoError(t, os.WriteFile(text, []byte(got), 0o644))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

// What was opened once opens again with all that is in it.
func TestDataFoldersOpenTwice(t *testing.T) {
	for _, name := range []string{"v1-3.13", "v1-3.13-killed"} {
		dir := unpack(t, filepath.Join("testdata", "folders", name+".gz"))
		st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
		require.NoError(t, st.Close())
		want, err := os.ReadFile(filepath.Join("testdata", "folders", name+".txt"))
		require.NoError(t, err)
		assert.Equal(t, string(want), describeFolder(t, dir, "3.13"))
	}
}

// profileIn is the profile in an archive's name, which is FORMAT-PROFILE or
// FORMAT-PROFILE-MORE.
func profileIn(archive string) string {
	return strings.Split(strings.TrimSuffix(filepath.Base(archive), ".gz"), "-")[1]
}

// unpack is the reverse of pack, into a folder of the test's.
func unpack(t testing.TB, archive string) (dir string) {
	t.Helper()
	f, err := os.Open(archive)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	r := bufio.NewReader(z)
	dir = t.TempDir()
	for {
		var name string
		var size int64
		_, err := fmt.Fscanf(r, "%q %d\n", &name, &size)
		if err == io.EOF {
			return dir
		}
		require.NoError(t, err)
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		out, err := os.Create(path)
		require.NoError(t, err)
		_, err = io.CopyN(out, r, size)
		require.NoError(t, err)
		require.NoError(t, out.Close())
	}
}

// A describer writes down what a broker has.
type describer struct {
	t testing.TB
	b *broker.Broker
	strings.Builder
}

// describeFolder starts a broker on a folder and writes down all that is in it:
// names, messages, what is delayed, where it goes when it is due, and what
// policies and bindings do to what is published then.
func describeFolder(t testing.TB, dir, profile string) string {
	t.Helper()
	st, err := store.Open(dir, store.Options{Sync: store.SyncNone})
	require.NoError(t, err)
	clock := delay.NewManual(folderStart)
	b, err := broker.New(broker.Config{Profile: profile, Store: st, Clock: clock, PeerClock: delay.Real{}, DiskFreeLimit: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	d := &describer{t: t, b: b}
	for _, vh := range b.Snapshot().VHosts {
		d.names(vh)
		v, err := b.VHost(vh.Name)
		require.NoError(t, err)
		d.delayed(v, vh)
		for _, q := range vh.Queues {
			d.queue(v, q.Name)
		}
	}
	v, err := b.VHost("/")
	require.NoError(t, err)
	clock.Advance(30 * time.Second)
	fmt.Fprintln(d, "after 30 seconds")
	d.queue(v, "dead")
	d.queue(v, "empty")
	d.probe(v)
	return d.String()
}

// show is a value with its type, a map in order of its keys.
func show(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, fmt.Sprintf("%q=%s", k, show(v[k])))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, show(e))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case string:
		return fmt.Sprintf("%q", v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("%T(%v)", v, v)
}

func (d *describer) names(vh broker.VHostInfo) {
	fmt.Fprintf(d, "vhost %q\n", vh.Name)
	for _, x := range vh.Exchanges {
		fmt.Fprintf(d, "exchange %q %s durable=%t auto-delete=%t internal=%t %s\n",
			x.Name, x.Type, x.Durable, x.AutoDelete, x.Internal, show(x.Args))
	}
	for _, q := range vh.Queues {
		fmt.Fprintf(d, "queue %q durable=%t auto-delete=%t ready=%d bytes=%d %s\n",
			q.Name, q.Durable, q.AutoDelete, q.Ready, q.ReadyBytes, show(q.Args))
	}
	var bindings []string
	for _, b := range vh.Bindings {
		bindings = append(bindings, fmt.Sprintf("binding %q to %q exchange=%t key=%q %s\n", b.Source, b.Destination, b.ToExchange, b.Key, show(b.Args)))
	}
	slices.Sort(bindings)
	d.WriteString(strings.Join(bindings, ""))
}

func (d *describer) delayed(v *broker.VHost, vh broker.VHostInfo) {
	names := []string{"delayed and deleted", "delayed transient"} // their exchanges are not listed
	for _, x := range vh.Exchanges {
		if x.Type == "x-delayed-message" && !slices.Contains(names, x.Name) {
			names = append(names, x.Name)
		}
	}
	for _, name := range names {
		list, err := v.ListDelayed(name, "", 1000)
		if err != nil {
			continue // nothing of it in this folder
		}
		for _, m := range list {
			fmt.Fprintf(d, "delayed in %q until %s: %s\n", name, m.Due.UTC().Format(time.RFC3339Nano), message(m.Message))
		}
	}
}

func message(m broker.Message) string {
	body := fmt.Sprintf("%q", m.Body)
	if len(m.Body) > 100 {
		body = fmt.Sprintf("%d bytes %x", len(m.Body), sha256.Sum256(m.Body))
	}
	line := fmt.Sprintf("%q %q redelivered=%t %s", m.Exchange, m.Key, m.Redelivered, body)
	p := reflect.ValueOf(m.Properties)
	for i := range p.NumField() {
		switch f := p.Field(i); {
		case p.Type().Field(i).Name == "Headers":
			if h := m.Properties.Headers.Map(); len(h) > 0 {
				line += " " + show(h)
			}
		case !f.IsZero():
			line += fmt.Sprintf(" %s=%v", p.Type().Field(i).Name, f)
		}
	}
	return line
}

// queue lists all that is in a queue, and empties it. A long one becomes a sum.
func (d *describer) queue(v *broker.VHost, name string) {
	list, err := v.Peek(name, 10_000)
	require.NoError(d.t, err)
	var lines []string
	for _, m := range list {
		lines = append(lines, message(m))
	}
	n, err := v.Purge(name)
	require.NoError(d.t, err)
	assert.Len(d.t, lines, n)
	fmt.Fprintf(d, "in %q: %d\n", name, len(lines))
	if len(lines) <= 60 {
		for _, l := range lines {
			fmt.Fprintln(d, "  "+l)
		}
		return
	}
	for _, l := range append(slices.Clone(lines[:3]), lines[len(lines)-2:]...) {
		fmt.Fprintln(d, "  "+l)
	}
	fmt.Fprintf(d, "  all of it %x\n", sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}

// probe publishes, and writes down how far it gets.
func (d *describer) probe(v *broker.VHost) {
	for _, p := range []struct {
		exchange, key string
		headers       map[string]any
	}{
		{"direct", "k", nil}, {"direct", "", nil}, {"direct", "inner", nil}, {"direct", strings.Repeat("k", 255), nil},
		{"topic", "a.b.c", nil}, {"topic", "to.direct", nil}, {"topic", "none", nil},
		{"headers", "", map[string]any{"a": int32(1), "b": "two"}}, {"headers", "", map[string]any{"c": "there"}},
		{"headers", "", map[string]any{"x-a": "1"}}, {"with alternate", "none", nil}, {"amq.topic", "\x02.x", nil}, {"internal", "", nil},
	} {
		n, err := v.Publish(p.exchange, p.key, broker.Message{Properties: headed(p.headers), Body: []byte("probe")})
		require.NoError(d.t, err)
		fmt.Fprintf(d, "publish to %q by %q %s reaches %d\n", p.exchange, p.key, show(p.headers), n)
	}
	for _, name := range []string{"limited", "limited by operator", "rejecting", "bytes", "lazy"} {
		for range 5 {
			_, err := v.Publish("", name, broker.Message{Properties: props(2), Body: []byte("1234")})
			require.NoError(d.t, err)
		}
		c, err := v.Counts(name)
		require.NoError(d.t, err)
		fmt.Fprintf(d, "of 5 published %q keeps %d\n", name, c.Ready)
	}
	for _, name := range []string{"limits", "weaker", "alternate", "quorums"} {
		assert.True(d.t, v.DeletePolicy(name), name)
	}
	assert.True(d.t, v.DeleteOperatorPolicy("ceiling"))
}
