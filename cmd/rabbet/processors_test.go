package main

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/rabbetmq/rabbet/delay"
)

func TestCommitsKeepASecondProcessor(t *testing.T) {
	clock := delay.NewManual(time.Unix(0, 0))
	var commits atomic.Uint64
	least := processorsToCommit(clock, &commits)
	assert.Equal(t, 1, least())
	commits.Add(1)
	assert.Equal(t, 2, least())
	clock.Advance(committingLasts - 1)
	assert.Equal(t, 2, least())
	commits.Add(5)
	clock.Advance(1)
	assert.Equal(t, 2, least())
	clock.Advance(committingLasts)
	assert.Equal(t, 1, least())
}

func TestProcessorsFlag(t *testing.T) {
	code, _, stderr := run(t, nil, "serve", "--processors", "0", "--print-config")
	assert.Equal(t, 2, code)
	assert.Contains(t, stderr, "--processors")
	code, _, _ = run(t, nil, "serve", "--processors", "auto", "--print-config")
	assert.Zero(t, code)
}
