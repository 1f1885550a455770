package mgmttest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/brokertest/mgmttest"
)

// aTest stands for the *testing.T that an example does not have.
type aTest struct{ cleanups []func() }

func (t *aTest) Helper()                        {}
func (t *aTest) Cleanup(f func())               { t.cleanups = append(t.cleanups, f) }
func (t *aTest) Logf(format string, a ...any)   { fmt.Printf(format+"\n", a...) }
func (t *aTest) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }
func (t *aTest) Failed() bool                   { return false }

func (t *aTest) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

// In a test, t is the *testing.T and ends by itself.
func Example() {
	t := new(aTest)
	defer t.end()

	mq := brokertest.New(t)
	mq.Declare(brokertest.Topology{Queues: []broker.Queue{{Name: "orders"}}})
	mq.Publish("", "orders", []byte("42"))

	request, err := http.NewRequest("GET", mgmttest.Start(t, mq)+"/api/queues/%2F/orders", nil)
	if err != nil {
		t.Fatalf("%v", err)
	}
	request.SetBasicAuth("guest", "guest")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer answer.Body.Close()
	var queue struct {
		Name     string
		Messages int
	}
	if err := json.NewDecoder(answer.Body).Decode(&queue); err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println(queue.Name, queue.Messages)
	// Output: orders 1
}
