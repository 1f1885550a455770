package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What is committed is what the specification and the supplement make.
func TestOutputIsUpToDate(t *testing.T) {
	assert.NoError(t, run("../..", true))
}

func TestGoNames(t *testing.T) {
	for in, want := range map[string]string{
		"basic": "Basic", "start-ok": "StartOk", "class-id": "ClassID", "routing-key": "RoutingKey", "recover-async": "RecoverAsync",
	} {
		assert.Equal(t, want, camel(in))
	}
}
