package broker_test

import (
	"context"
	"net"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// Case use-after-close: no call on a broker that was shut down reports success. A goroutine that
// adds a method that can fail finds it here.
func TestCallsOnClosedBrokerFail(t *testing.T) {
	st, err := store.Open(t.TempDir(), store.Options{})
	require.NoError(t, err)
	b, err := broker.New(broker.Config{Store: st})
	require.NoError(t, err)
	vh, err := b.VHost("")
	require.NoError(t, err)
	_, err = vh.DeclareQueue(broker.Queue{Name: "q", Durable: true})
	require.NoError(t, err)
	require.NoError(t, b.Close())
	for _, tc := range []struct {
		of     any
		exempt []string // with a reason each
	}{
		{vh, nil},
		{b, []string{
			"Close", "Shutdown", // closing again does nothing
			"VHost",                                                      // a handle, on which calls fail
			"Login", "MayEnter", "MayUse", "MayUseTopic", "HashPassword", // questions that change nothing
		}},
	} {
		v := reflect.ValueOf(tc.of)
		for i := range v.NumMethod() {
			m := v.Type().Method(i)
			out := m.Type.NumOut()
			if out == 0 || m.Type.Out(out-1) != reflect.TypeFor[error]() || slices.Contains(tc.exempt, m.Name) {
				continue
			}
			args := make([]reflect.Value, 0, m.Type.NumIn())
			for j := 1; j < m.Type.NumIn(); j++ {
				arg := reflect.Zero(m.Type.In(j))
				switch m.Type.In(j) {
				case reflect.TypeFor[context.Context]():
					arg = reflect.ValueOf(t.Context())
				case reflect.TypeFor[net.Conn]():
					client, _ := broker.Pipe()
					arg = reflect.ValueOf(client)
				case reflect.TypeFor[net.Listener]():
					l, err := net.Listen("tcp", "127.0.0.1:0")
					require.NoError(t, err)
					arg = reflect.ValueOf(l)
				}
				args = append(args, arg)
			}
			func() {
				defer func() {
					if p := recover(); p != nil {
						assert.Fail(t, "panic", "%T.%s: %v", tc.of, m.Name, p)
					}
				}()
				var results []reflect.Value
				if m.Type.IsVariadic() {
					results = v.Method(i).CallSlice(args)
				} else {
					results = v.Method(i).Call(args)
				}
				err, _ := results[out-1].Interface().(error)
				assert.ErrorIs(t, err, broker.ErrClosed, "%T.%s", tc.of, m.Name)
			}()
		}
	}
}
