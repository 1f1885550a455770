package management

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/delay"
)

// A busyClock is that of a machine so busy that a second goes by between any two looks at it.
type busyClock struct {
	delay.Clock
	now time.Time
}

func (c *busyClock) Now() time.Time {
	c.now = c.now.Add(time.Second)
	return c.now
}

// Events come every second on a busy machine too, and less often where there are very many
// things.
func TestEventsOnABusyMachine(t *testing.T) {
	b, err := broker.New(broker.Config{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, b.Close()) }()
	s, err := New(b, Config{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.Close()) }()
	s.wall = &busyClock{Clock: s.wall, now: s.wall.Now()}
	v := &s.events
	v.look(s)
	root, err := b.VHost("/")
	require.NoError(t, err)
	_, err = root.DeclareQueue(broker.Queue{Name: "q", Durable: true})
	require.NoError(t, err)
	v.look(s)
	list, _ := v.since(0)
	require.Len(t, list, 1)
	assert.Equal(t, "queue.created", list[0].kind)
	assert.Equal(t, "q", list[0].name)
	assert.Equal(t, eventInterval, v.every)
	for i := range 5000 {
		_, err = root.DeclareQueue(broker.Queue{Name: strconv.Itoa(i), Durable: true})
		require.NoError(t, err)
	}
	v.look(s)
	assert.Greater(t, v.every, eventInterval)
	assert.Less(t, v.every, 2*eventInterval)
}

// What a version has deprecated is listed with its phase; only 4.3 says what it permits.
func TestDeprecatedFeatures(t *testing.T) {
	for profile, want := range map[string][]string{
		"3.13": {"classic_queue_mirroring permitted_by_default <nil>", "global_qos permitted_by_default <nil>", "management_metrics_collection permitted_by_default <nil>", "ram_node_type permitted_by_default <nil>", "transient_nonexcl_queues permitted_by_default <nil>"},
		"4.2":  {"amqp_address_v1 permitted_by_default <nil>", "amqp_filter_set_bug permitted_by_default <nil>", "classic_queue_mirroring removed <nil>", "global_qos permitted_by_default <nil>", "management_metrics_collection permitted_by_default <nil>", "queue_master_locator permitted_by_default <nil>", "ram_node_type permitted_by_default <nil>", "transient_nonexcl_queues permitted_by_default <nil>"},
		"4.3":  {"amqp_address_v1 denied_by_default denied", "amqp_filter_set_bug denied_by_default denied", "classic_queue_mirroring removed denied", "global_qos denied_by_default denied", "management_metrics_collection permitted_by_default permitted", "queue_master_locator denied_by_default denied", "ram_node_type removed denied", "transient_nonexcl_queues permitted_by_default denied"},
	} {
		s := walked(t, profile)
		request := httptest.NewRequest(http.MethodGet, "/api/deprecated-features", nil)
		request.RemoteAddr = "127.0.0.1:40000"
		request.SetBasicAuth(tagManagement, tagManagement)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request)
		var list []map[string]any
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list), profile)
		var got []string
		for _, f := range list {
			got = append(got, fmt.Sprint(f["name"], " ", f["deprecation_phase"], " ", f["state"]))
		}
		assert.Equal(t, want, got, profile)
	}
}
