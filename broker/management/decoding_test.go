package management_test

// The traps of clients that decode with types: rabbitmqadmin 2 and its library, rabbit-hole,
// telegraf, EasyNetQ's client, KEDA.

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/management"
)

// A decodedQueue is a queue as rabbitmqadmin 2 types it: no field may be missing or null.
type decodedQueue struct {
	Name, VHost, Type, State *string
	Durable, Exclusive       *bool
	AutoDelete               *bool    `json:"auto_delete"`
	Utilisation              *float32 `json:"consumer_utilisation"`
	Capacity                 *float32 `json:"consumer_capacity"`
	Consumers                *uint16
	Messages                 *uint64            // KEDA wants it at once
	Ready                    *uint64            `json:"messages_ready"`
	Unacked                  *uint64            `json:"messages_unacknowledged"`
	GarbageCollection        map[string]*uint32 `json:"garbage_collection"`
	Policy                   map[string]any     `json:"effective_policy_definition"`
	Memory                   *uint64
	Arguments                map[string]any
	Details                  *struct{ Rate *float64 } `json:"messages_details"`
}

type decodedNode struct {
	Name         *string
	PID          *string `json:"os_pid"`
	Uptime       *uint32
	FDTotal      *uint32 `json:"fd_total"`
	ProcTotal    *uint32 `json:"proc_total"`
	FDUsed       *uint32 `json:"fd_used"`
	SocketsTotal *uint32 `json:"sockets_total"`
	MemUsed      *int64  `json:"mem_used"` // telegraf
	MemLimit     *int64  `json:"mem_limit"`
	DiskFree     *int64  `json:"disk_free"`
	RunQueue     *uint32 `json:"run_queue"`
	BeingDrained *bool   `json:"being_drained"`
	Running      *bool
	Plugins      []string `json:"enabled_plugins"`
}

type decodedConsumer struct {
	Tag      *string `json:"consumer_tag"`
	Timeout  *uint64 `json:"consumer_timeout"`
	Active   *bool
	Prefetch *uint32 `json:"prefetch_count"`
	Ack      *bool   `json:"ack_required"`
	Queue    *struct{ Name, VHost *string }
}

type decodedUser struct {
	Name    *string
	Hash    *string `json:"password_hash"`
	Hashing *string `json:"hashing_algorithm"`
	Tags    []string
}

type decodedExchange struct {
	Name, Type, VHost *string
	Durable, Internal *bool
	AutoDelete        *bool `json:"auto_delete"`
}

// whole requires that nothing of a decoded object is missing.
func whole(t *testing.T, what string, object any) {
	v := reflect.ValueOf(object).Elem()
	for i := range v.NumField() {
		assert.False(t, v.Field(i).IsNil(), "%s: no %s", what, v.Type().Field(i).Name)
	}
}

// decode decodes what a path answers into a list, which must not be empty, or an object.
func decode[T any](t *testing.T, a *api, path string) T {
	t.Helper()
	got := a.do(http.MethodGet, path, "")
	require.Equal(t, http.StatusOK, got.StatusCode, got.body)
	var v T
	require.NoError(t, json.Unmarshal([]byte(got.body), &v), "%s: %s", path, got.body)
	return v
}

func TestTypesThatClientsDecode(t *testing.T) {
	a := newClientAPI(t, management.Config{})
	for name, kind := range map[string]string{"c": "classic", "q": "quorum", "s": "stream"} {
		a.check(http.MethodPut, "/api/queues/%2F/"+name, `{"durable":true,"arguments":{"x-queue-type":"`+kind+`"}}`, http.StatusCreated, "")
	}
	_, err := a.ch.Consume("c", "tag", false, false, false, false, nil)
	require.NoError(t, err)
	queues := decode[[]decodedQueue](t, a.api, "/api/queues/detailed")
	require.Len(t, queues, 3)
	for i := range queues {
		whole(t, "a queue of the list", &queues[i])
	}
	for _, name := range []string{"c", "q", "s"} {
		q := decode[decodedQueue](t, a.api, "/api/queues/%2F/"+name)
		whole(t, name, &q)
	}
	for _, n := range decode[[]decodedNode](t, a.api, "/api/nodes") {
		whole(t, "node", &n)
	}
	for _, c := range decode[[]decodedConsumer](t, a.api, "/api/consumers") {
		whole(t, "consumer", &c)
	}
	for _, u := range decode[[]decodedUser](t, a.api, "/api/users") {
		whole(t, "user", &u)
	}
	for _, x := range decode[[]decodedExchange](t, a.api, "/api/exchanges") {
		whole(t, "exchange", &x)
	}
	memory := decode[struct{ Memory map[string]any }](t, a.api, "/api/nodes/rabbit@localhost/memory").Memory
	for _, key := range []string{
		"connection_readers", "connection_writers", "connection_channels", "connection_other", "queue_procs", "quorum_queue_procs",
		"stream_queue_procs", "plugins", "other_proc", "metrics", "mgmt_db", "mnesia", "metadata_store", "metadata_store_ets",
		"quorum_ets", "other_ets", "binary", "msg_index", "code", "atom", "other_system", "allocated_unused", "reserved_unallocated",
		"strategy", "total",
	} {
		assert.Contains(t, memory, key, "the breakdown of memory")
	}
	// rabbit-hole decodes the reason of a refusal into a string.
	refusal := a.do(http.MethodPut, "/api/policies/%2F/p", `{"pattern":"(","definition":{"max-length":1}}`)
	var reason struct{ Error, Reason string }
	require.NoError(t, json.Unmarshal([]byte(refusal.body), &reason), refusal.body)
	assert.NotEmpty(t, reason.Reason)
}
