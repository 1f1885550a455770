package conformance_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/conformance"
)

// Run the scripts on one subject against a broker, here one in this process.
func ExampleRunner_Run() {
	b, err := broker.New(broker.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	addr, err := b.Listen("127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	runner, err := conformance.Connect(ctx, "amqp://guest:guest@"+addr.String()+"/", conformance.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, script := range conformance.All() {
		if strings.HasPrefix(script.Name, "get/") {
			result := runner.Run(ctx, script)
			fmt.Println(script.Covers, script.Name, result.Outcome)
		}
	}
	// Output:
	// [BASIC-51] get/count held
	// [BASIC-51] get/empty held
	// [BASIC-52] get/missing-queue held
	// [BASIC-53] get/needs-an-ack held
}
