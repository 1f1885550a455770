package scripts

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Most tests wait more than they work; -parallel overrides this.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	// The clock of the backtracking engine outlives a match by a second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2/v2.runClock"))
}
