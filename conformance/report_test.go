// Tests of reports, of a run that was made up.

package conformance

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/conformance/scripts"
)

// madeUp has a script of each outcome.
func madeUp() *Report {
	return &Report{
		Format: 1, Name: "Some broker", Product: "Some", Version: "1.2.3", Profile: "3.13.7", URL: "amqp://somewhere:5672/",
		Began: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), Elapsed: 1500 * time.Millisecond,
		Scripts: []ScriptReport{
			{Name: "get/empty", Covers: []string{"BASIC-51"}, Outcome: Held, Elapsed: 2 * time.Millisecond},
			{Name: "get/count", Covers: []string{"BASIC-51", "BASIC-53"}, Outcome: Differed, Differences: []string{"count: expected 1,\ngot <2>"},
				Trace: []TraceLine{{At: time.Millisecond, Connection: 1, Sent: true, What: "ch 1 basic.get"}, {What: "DIFFERENCE"}}, Elapsed: time.Second},
			{Name: "restart/all", Covers: []string{"PERSIST-1"}, Outcome: NotOffered, Reason: "no way | none"},
			{Name: "limits/exchanges", Covers: []string{"EXCH-15"}, Outcome: Inapplicable, Reason: "not for version 3.13.7"},
		},
	}
}

func render(t *testing.T, write func(io.Writer) error) string {
	var b bytes.Buffer
	require.NoError(t, write(&b))
	return b.String()
}

func TestReportAsText(t *testing.T) {
	text := render(t, madeUp().WriteText)
	assert.Contains(t, text, `DIFFERS: get/count
  BASIC-51: get-ok tells how many ready messages are left.
  BASIC-53: What is got without no-ack needs an ack.
  - count: expected 1,
    got <2>
  What was said, -> by the script, <- by the broker, on which connection:
      0.0010s   1 -> ch 1 basic.get
      0.0000s       DIFFERENCE

NOT OFFERED:
  restart/all (PERSIST-1): no way | none

INAPPLICABLE:
  limits/exchanges (EXCH-15): not for version 3.13.7

Some broker at amqp://somewhere:5672/, which says that it is Some 1.2.3, judged as RabbitMQ 3.13.7
`)
	for row, want := range map[string]string{"EXCH": "0 0 0 1 62", "BASIC": "0 2 0 0 89", "PERSIST": "0 0 1 0 18", "all": `0 2 1 1 \d+`} {
		assert.Regexp(t, `(?m)^ *`+row+` +`+strings.ReplaceAll(want, " ", " +")+`$`, text)
	}
	assert.True(t, strings.HasSuffix(text, "\n4 scripts in 1.5s: 1 held, 1 differed, 1 not offered, 1 for other versions\n"))
	assert.NotContains(t, render(t, madeUp().WriteSummary), "DIFFERS")
}

func TestReportAsJSON(t *testing.T) {
	text := render(t, madeUp().WriteJSON)
	for _, part := range []string{`"format": 1,`, `"outcome": "differed"`, `"outcome": "not offered"`, `"elapsed_ns": 1500000000`, `got <2>`} {
		assert.Contains(t, text, part)
	}
	back, err := ReadReport(strings.NewReader(text))
	require.NoError(t, err)
	assert.Equal(t, madeUp(), back)
	for _, bad := range []string{"", "[]", `{"format":2}`, `{"format":1,"scripts":[{"outcome":"fine"}]}`} {
		_, err := ReadReport(strings.NewReader(bad))
		assert.Error(t, err, bad)
	}
}

func TestReportAsJUnit(t *testing.T) {
	var got junitSuites
	require.NoError(t, xml.Unmarshal([]byte(render(t, madeUp().WriteJUnit)), &got))
	assert.Equal(t, []int{4, 1, 2}, []int{got.Tests, got.Failures, got.Skipped})
	require.Len(t, got.Suites, 3)
	get := got.Suites[0]
	assert.Equal(t, []any{"get", 2, 1, "1.002"}, []any{get.Name, get.Tests, get.Failures, get.Time})
	assert.Equal(t, "count (BASIC-51, BASIC-53)", get.Cases[1].Name)
	assert.Equal(t, "count: expected 1,\ngot <2>", get.Cases[1].Failure.Message)
	assert.Contains(t, get.Cases[1].Failure.Text, "basic.get")
	assert.Equal(t, "not offered: no way | none", got.Suites[1].Cases[0].Skipped.Message)
}

func TestReportAsMarkdown(t *testing.T) {
	text := render(t, madeUp().WriteMarkdown)
	assert.Contains(t, text, "| BASIC: publishing, confirms, consuming, acknowledging, transactions, direct reply-to | 0 | 2 | 0 | 0 | 89 |\n")
	assert.Contains(t, text, "\n## get/count\n\n- BASIC-51: get-ok tells")
	assert.Contains(t, text, "\n## Not offered\n\n| script | behaviours | reason |\n|---|---|---|\n| restart/all | PERSIST-1 | no way \\| none |\n")
}

func TestMatrix(t *testing.T) {
	other := madeUp()
	other.Name = "Other | broker"
	other.Scripts = other.Scripts[:1]
	text := render(t, func(w io.Writer) error { return WriteMatrix(w, madeUp(), other) })
	for _, line := range []string{
		"| | Some broker | Other \\| broker |", "| judged as RabbitMQ | 3.13.7 | 3.13.7 |", "| scripts that hold, of those that apply | 1 of 2 | 1 of 1 |",
		"| TYPES: field tables | 0 of 0 | 0 of 0 |", "| BASIC-51 | get-ok tells how many ready messages are left. | ✗ | ✓ |",
		"| BASIC-53 | What is got without no-ack needs an ack. | ✗ |  |", "| PERSIST-1 | " + sentence("PERSIST-1") + " | – |  |",
		"| EXCH-15 | " + sentence("EXCH-15") + " | · |  |",
	} {
		assert.Contains(t, "\n"+text, "\n"+line+"\n")
	}
	assert.NotContains(t, text, "BASIC-52")
	assert.NotContains(t, text, "## TYPES")
}

func TestVerdicts(t *testing.T) {
	scripts := func(outcomes ...Outcome) *Report {
		r := &Report{}
		for _, o := range outcomes {
			r.Scripts = append(r.Scripts, ScriptReport{Covers: []string{"ERR-1"}, Outcome: o})
		}
		return r
	}
	for want, r := range map[Outcome]*Report{
		Held: scripts(Inapplicable, Held, NotOffered), Differed: scripts(Held, Differed, Held),
		NotOffered: scripts(Inapplicable, NotOffered), Inapplicable: scripts(Inapplicable),
	} {
		assert.Equal(t, want.String(), r.Verdicts()["ERR-1"].String())
	}
	assert.True(t, scripts(Held, NotOffered).Holds())
	assert.False(t, scripts(Held, Differed).Holds())
	assert.False(t, scripts(NotOffered).Holds(), "nothing has been shown")
}

func TestMatching(t *testing.T) {
	names := func(pattern string) (names []string) {
		scripts, err := Matching(pattern)
		require.NoError(t, err)
		for _, s := range scripts {
			names = append(names, s.Name)
		}
		return names
	}
	assert.Len(t, names(""), len(scripts.All()))
	assert.Subset(t, names("BASIC-51"), []string{"get/count", "get/empty"})
	assert.NotContains(t, names("BASIC-5"), "get/count")
	assert.Contains(t, names("^get/"), "get/needs-an-ack")
	assert.Empty(t, names("BASIC-999"))
	_, err := Matching("(")
	assert.Error(t, err)
}

func TestProfile(t *testing.T) {
	for name, want := range map[string]Version{"3.13": scripts.V(3, 13, 7), "3.10": scripts.V(3, 10, 25), "4.3": scripts.V(4, 3, 6), "3.10.8": scripts.V(3, 10, 8)} {
		v, err := Profile(name)
		assert.NoError(t, err)
		assert.Equal(t, want, v)
	}
	for _, bad := range []string{"", "3", "3.9", "latest"} {
		_, err := Profile(bad)
		assert.Error(t, err, bad)
	}
}

func TestJudgeRunsThoseAloneAtTheEnd(t *testing.T) {
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	defer b.Close()
	address, err := b.Listen("127.0.0.1:0")
	require.NoError(t, err)
	r, err := Connect(t.Context(), "amqp://guest:guest@"+address.String()+"/", Options{Parallel: 4})
	require.NoError(t, err)
	var running, most, done atomic.Int32
	run := func(alone bool) func(*scripts.T) {
		return func(t *scripts.T) {
			now := running.Add(1)
			for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
			}
			if alone {
				t.Equal(int32(1), now, "scripts that run")
				t.Equal(true, done.Load() >= 8, "the others have ended")
			}
			running.Add(-1)
			done.Add(1)
		}
	}
	scripts := []Script{{Name: "a/0", Alone: true, Run: run(true)}, {Name: "a/1", Alone: true, Run: run(true)}}
	for i := range 8 {
		scripts = append(scripts, Script{Name: fmt.Sprint("b/", i), Run: run(false)})
	}
	var told []string
	report := r.Judge(t.Context(), scripts, func(result Result) { told = append(told, result.Script.Name) })
	assert.Equal(t, 10, report.Count()[Held])
	assert.LessOrEqual(t, most.Load(), int32(4))
	assert.Equal(t, "a/0", report.Scripts[0].Name, "the order is that of the scripts")
	assert.ElementsMatch(t, []string{"a/0", "a/1"}, told[8:])
}
