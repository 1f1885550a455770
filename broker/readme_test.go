package broker_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The program in README.md is Example, which is compiled and run.
func TestReadmeShowsTheExample(t *testing.T) {
	between := func(file, start, end string) string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		_, rest, ok1 := strings.Cut(string(text), start)
		body, _, ok2 := strings.Cut(rest, end)
		require.True(t, ok1 && ok2, file)
		return body
	}
	assert.Equal(t, between("example_test.go", "\nfunc Example() {\n", "\t// Output:"),
		between("../README.md", "\nfunc main() {\n", "}\n```\n"))
}
