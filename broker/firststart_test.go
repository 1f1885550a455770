package broker_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/store"
)

// A first start that a kill cuts short leaves all that a first start makes, or nothing:
// there must not be a user without a virtual host.
func TestFirstStartCutShort(t *testing.T) {
	for commits := range 3 {
		synctest.Test(t, func(t *testing.T) {
			dir, left := t.TempDir(), commits
			st, err := store.Open(dir, store.Options{Sync: store.SyncNone, BeforeCommit: func() error {
				if left--; left < 0 {
					return errors.New("the power is cut")
				}
				return nil
			}})
			require.NoError(t, err)
			cfg := broker.Config{VHostDefaults: func(string) (broker.VHostDefaults, error) {
				synctest.Wait() // until the store has committed what it would commit by itself
				return broker.VHostDefaults{
					Limits: access.Limits{access.MaxQueues: 7}, Users: []broker.VHostUser{{Name: "ann", Configure: ".*"}},
				}, nil
			}}
			cfg.Store = st
			b, err := broker.New(cfg)
			require.NoError(t, err)
			synctest.Wait()
			require.NoError(t, st.Abandon())
			require.ErrorIs(t, b.Close(), store.ErrClosed)

			b = reopened(t, dir, cfg)
			v, err := b.VHost("/")
			require.NoError(t, err)
			assert.Equal(t, access.Limits{access.MaxQueues: 7}, v.Limits())
			names := map[string]bool{}
			for _, p := range b.Permissions("", "") {
				names[p.User+" in "+p.VHost] = true
			}
			assert.Equal(t, map[string]bool{"guest in /": true, "ann in /": true}, names)
			require.NoError(t, b.Close())
		})
	}
}
