package progressbar

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestBar(t *testing.T) {
	var out bytes.Buffer
	b := Show(&out, 2)
	b.Step("one held")
	b.Say("differs: x")
	b.Step("two held")
	b.Clear()
	assert.Contains(t, out.String(), "differs: x\n")
	assert.Contains(t, out.String(), "(0/2)")
}

// Progress is for terminals: nothing is written elsewhere.
func TestNoTerminal(t *testing.T) {
	var out bytes.Buffer
	b := New(&out, "xterm", 2)
	b.Step("one")
	b.Say("line")
	b.Clear()
	assert.Empty(t, out.String())
}
