package conformance

import "testing"

// startInProcess starts Rabbet for the length of the test and gives its URL.
func startInProcess(t *testing.T) string {
	t.Skip("no -url given")
	return ""
}
