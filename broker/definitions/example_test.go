package definitions_test

import (
	"fmt"
	"log"
	"os"

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
	if err := d.Encode(os.Stdout, false); err != nil {
		log.Fatal(err)
	}
	// Output:
}
