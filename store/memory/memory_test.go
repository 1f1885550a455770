package memory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/rabbetmq/rabbet/store"
	"github.com/rabbetmq/rabbet/store/memory"
	"github.com/rabbetmq/rabbet/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEngine(t *testing.T) {
	for _, check := range storetest.Checks() {
		t.Run(check.Name, func(t *testing.T) {
			engine := new(memory.Engine)
			check.Run(t, func(opts store.Options) (*store.Store, error) { return store.New(engine, opts), nil })
		})
	}
}

// Free is what the capacity leaves, and comes back.
func TestCapacity(t *testing.T) {
	engine := &memory.Engine{Capacity: 10}
	st := store.New(engine, store.Options{})
	free := func() uint64 {
		told := make(waiter, 1)
		st.Notify(told)
		require.NoError(t, <-told)
		n, err := st.Free()
		require.NoError(t, err)
		return n
	}
	assert.EqualValues(t, 10, free())
	st.Put("key", make([]byte, 4))
	assert.EqualValues(t, 6, free())
	st.Put("key", make([]byte, 400))
	assert.Zero(t, free())
	st.Delete("key")
	assert.EqualValues(t, 10, free())
	require.NoError(t, st.Close())
}

type waiter chan error

func (w waiter) Committed(err error) { w <- err }
