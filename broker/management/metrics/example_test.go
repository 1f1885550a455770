package metrics_test

import (
	"bufio"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/management/metrics"
)

// A program that embeds a broker serves metrics of it for Prometheus.
func Example() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	v, err := b.VHost("/")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := v.DeclareQueue(broker.Queue{Name: "orders"}); err != nil {
		log.Fatal(err)
	}
	if _, err := v.Publish("", "orders", broker.Message{Body: []byte("42")}); err != nil {
		log.Fatal(err)
	}

	s := httptest.NewServer(metrics.Handler(b, metrics.Config{}))
	defer s.Close()
	answer, err := http.Get(s.URL + "/metrics/per-object")
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "rabbitmq_queue_messages_ready{") {
			fmt.Println(lines.Text())
		}
	}
	// Output: rabbitmq_queue_messages_ready{queue="orders",vhost="/"} 1
}
