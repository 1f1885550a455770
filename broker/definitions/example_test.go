package definitions_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/rabbetmq/rabbet/broker/definitions"
)

// A document that RabbitMQ has exported is read, changed, and written for any RabbitMQ to
// import.
func Example() {
	d, err := definitions.Decode([]byte(`{"queues": [
		{"vhost": "/", "name": "orders", "durable": true, "auto_delete": false, "arguments": {"x-queue-type": "quorum"}},
		{"vhost": "/", "name": "old", "durable": true, "auto_delete": false, "arguments": {}}]}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, q := range d.Queues {
		fmt.Println(*q.VHost, q.Name, q.Arguments["x-queue-type"])
	}
	d.Queues = d.Queues[:1]
	var document strings.Builder
	if err := d.Encode(&document, false); err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(document.String()) {
		if strings.Contains(line, `"name"`) {
			fmt.Println(strings.TrimSpace(line))
		}
	}
	// Output:
	// / orders quorum
	// / old <nil>
	// {"name":"orders","vhost":"/","durable":true,"auto_delete":false,"arguments":{"x-queue-type":"quorum"}}],
}
