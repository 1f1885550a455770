package control_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"strings"

	"github.com/rabbetmq/rabbet/broker/brokertest"
	"github.com/rabbetmq/rabbet/broker/brokertest/control"
)

// What another language would do: declare a queue, publish, and let an hour pass.
func Example() {
	s, err := control.Start("127.0.0.1:0", slog.New(slog.DiscardHandler), brokertest.WithManualClock())
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	post := func(path, body string) {
		answer, err := http.Post("http://"+s.Addr().String()+path, "application/json", strings.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		fmt.Println(path, answer.StatusCode, strings.Contains(string(text), `"error"`))
	}
	post("/declare", `{"queues": [{"name": "orders", "arguments": {"x-message-ttl": 60000}}]}`)
	post("/publish", `{"key": "orders", "body": "42"}`)
	post("/queues/orders/wait", `{"ready": 1, "timeout": "5s"}`)
	post("/time/advance", `{"by": "1h"}`)
	post("/queues/orders/wait", `{"ready": 0, "timeout": "5s"}`)
	// Output:
	// /declare 200 false
	// /publish 200 false
	// /queues/orders/wait 200 false
	// /time/advance 200 false
	// /queues/orders/wait 200 false
}
