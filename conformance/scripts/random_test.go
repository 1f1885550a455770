// Random programs, the same against two brokers: the outcome of each step must be
// the same too.
//
//	go test ./conformance/scripts -run RandomPrograms -programs 2000 -seed 1 -url "$RABBITMQ_URL"
//
// plays them against Rabbet and RabbitMQ, and shows the shortest program for each
// difference. Without -url Rabbet in memory and Rabbet with a store are compared.

package scripts

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

var (
	brokerURL      = flag.String("url", "", "AMQP URL of the broker to compare Rabbet with; another Rabbet if empty")
	rabbetProfile  = flag.String("profile", "", "profile of Rabbet; the default one if empty")
	randomPrograms = flag.Int("programs", 100, "how many random programs to play")
	randomSeed     = flag.Uint64("seed", 1, "the seed of the first")
	randomAtOnce   = flag.Int("at-once", 8, "how many random programs play at a time")
)

func TestRandomPrograms(t *testing.T) {
	t.Parallel()
	mine := startDurable(t, "")
	other, pause := *brokerURL, remotePause
	if other == "" {
		other, pause = startDurable(t, t.TempDir()), localPause
	}
	judge := &randomJudge{t: t, ours: mine, theirs: other, pause: pause, mark: fmt.Sprintf("%08x", rand.Uint32())}
	var next atomic.Uint64
	var players sync.WaitGroup
	for range *randomAtOnce {
		players.Go(func() {
			for n := next.Add(1); n <= uint64(*randomPrograms); n = next.Add(1) {
				judge.try(*randomSeed + n - 1)
			}
		})
	}
	players.Wait()
	t.Logf("%d programs, %d unsteady", *randomPrograms, judge.unsteady.Load())
}

// startDurable is Rabbet for the length of the test, with a store if there is a
// folder, and gives its URL.
func startDurable(t *testing.T, dir string) string {
	cfg := broker.Config{Profile: *rabbetProfile}
	if dir != "" {
		var err error
		cfg.Store, err = store.Open(dir, store.Options{Sync: store.SyncNone})
		require.NoError(t, err)
	}
	b, err := broker.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = b.Serve(listener) }()
	return "amqp://guest:guest@" + listener.Addr().String() + "/"
}

// A randomJudge compares two brokers.
type randomJudge struct {
	t            *testing.T
	ours, theirs string
	mark         string // of this test's names
	runs         atomic.Uint64
	pause        time.Duration
	unsteady     atomic.Uint64
	mu           sync.Mutex
}

// failed is how the transcript of a run begins its last line that could not go on.
const failed = "FAILED: "

// play runs a program under a prefix that no other run has.
func (j *randomJudge) play(url string, p program) []string {
	transcript, err := play(url, fmt.Sprintf("%s%06d-", j.mark, j.runs.Add(1)), p, j.pause)
	if err != nil {
		transcript = append(transcript, failed+err.Error())
	}
	return transcript
}

// steadiness is how often a difference must show itself.
const steadiness = 3

// differ gives the transcripts of a program if they differ whenever it is played.
func (j *randomJudge) differ(p program) (ours, theirs []string, differs bool) {
	for range steadiness {
		ours, theirs = j.play(j.ours, p), j.play(j.theirs, p)
		if slices.Equal(ours, theirs) {
			return nil, nil, false
		}
	}
	return ours, theirs, true
}

// try plays the program of a seed.
func (j *randomJudge) try(seed uint64) {
	p := randomProgram(seed)
	ours, theirs := j.play(j.ours, p), j.play(j.theirs, p)
	if slices.Equal(ours, theirs) {
		if last := ours[len(ours)-1]; strings.HasPrefix(last, failed) {
			j.t.Errorf("seed %d: %s", seed, last)
		}
		return
	}
	if again := j.play(j.theirs, p); !slices.Equal(theirs, again) {
		j.t.Logf("seed %d is unsteady:\n%s", seed, firstDifference(p, theirs, again))
		j.unsteady.Add(1)
		return
	}
	if _, _, differs := j.differ(p); !differs {
		j.t.Logf("seed %d differed only once:\n%s", seed, firstDifference(p, ours, theirs))
		j.unsteady.Add(1)
		return
	}
	j.t.Logf("seed %d differs, and is being shrunk:\n%s", seed, firstDifference(p, ours, theirs))
	p = shrink(p, func(p program) bool { _, _, differs := j.differ(p); return differs })
	ours, theirs = j.play(j.ours, p), j.play(j.theirs, p)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.t.Errorf("seed %d differs:\n%s", seed, compareTranscripts(p, ours, theirs))
}

// compareTranscripts shows a program with the outcome of each step, twice where
// that differs.
func compareTranscripts(p program, ours, theirs []string) string {
	var text strings.Builder
	at := func(lines []string, i int) string {
		if i < len(lines) {
			return lines[i]
		}
		return "(nothing any more)"
	}
	for i := range max(len(ours), len(theirs)) {
		what := "at last"
		if i < len(p.steps) {
			what = p.steps[i].String()
		}
		fmt.Fprintf(&text, "%3d. %s\n", i+1, what)
		show := func(mark string, lines []string) {
			for _, line := range lines {
				fmt.Fprintf(&text, "     %s %s\n", mark, line)
			}
		}
		a, b := strings.Split(at(ours, i), "\n"), strings.Split(at(theirs, i), "\n")
		show("      ", inBoth(a, b))
		show("ours  ", only(a, b))
		show("theirs", only(b, a))
	}
	return text.String()
}

// inBoth are the lines that a and b share, in the order of a; only those of a that
// b lacks. Both are all of a where merely the order differs.
func inBoth(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

func only(a, b []string) []string {
	rest := slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
	if len(rest) == 0 && !slices.Equal(a, b) {
		return a
	}
	return rest
}

// firstDifference is the first step of which not the same came.
func firstDifference(p program, ours, theirs []string) string {
	for i := range max(len(ours), len(theirs)) {
		if i >= len(ours) || i >= len(theirs) || ours[i] != theirs[i] {
			text := compareTranscripts(p, ours, theirs)
			text = text[strings.Index(text, fmt.Sprintf("%3d. ", i+1)):]
			if end := strings.Index(text, fmt.Sprintf("\n%3d. ", i+2)); end > 0 {
				text = text[:end]
			}
			return text
		}
	}
	return ""
}
