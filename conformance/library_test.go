// Tests of Run as others use it, with a test that is not of package testing.

package conformance_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/conformance"
	"github.com/rabbetmq/rabbet/conformance/inprocess"
)

// notes is a TB that writes down what it is told.
type notes struct{ logs, errors []string }

func (n *notes) Helper() {}
func (n *notes) Logf(format string, args ...any) {
	n.logs = append(n.logs, fmt.Sprintf(format, args...))
}
func (n *notes) Errorf(format string, args ...any) {
	n.errors = append(n.errors, fmt.Sprintf(format, args...))
}
func (n *notes) Fatalf(format string, args ...any) { n.Errorf("fatal: "+format, args...) }

func TestRunWithoutSubtests(t *testing.T) {
	b, err := inprocess.Start(inprocess.Config{})
	require.NoError(t, err)
	defer b.Close()
	var holds, differs, bad, nobody notes
	conformance.Run(&holds, b.URL(), conformance.Options{Pattern: "^get/(count|empty)$"})
	assert.Empty(t, holds.errors)
	assert.Contains(t, holds.logs, "2 scripts held, 0 differed, 0 are about what is not offered, 0 are for other versions")

	// It does not refuse an unknown type as versions before 3.13.3 did.
	conformance.Run(&differs, b.URL(), conformance.Options{Pattern: "^exchange/unknown-type$", Profile: "3.10.8"})
	require.Len(t, differs.errors, 1)
	assert.Contains(t, differs.errors[0], "EXCH-7: An unknown type is refused with 406")
	assert.Contains(t, differs.errors[0], "exchange.declare")

	conformance.Run(&bad, b.URL(), conformance.Options{Pattern: "("})
	conformance.Run(&bad, b.URL(), conformance.Options{Profile: "2"})
	conformance.Run(&nobody, "amqp://127.0.0.1:1/", conformance.Options{})
	assert.Len(t, bad.errors, 2)
	assert.Len(t, nobody.errors, 1)
}
