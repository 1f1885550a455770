package inprocess_test

import (
	"context"
	"fmt"
	"log"

	"github.com/rabbetmq/rabbet/conformance"
	"github.com/rabbetmq/rabbet/conformance/inprocess"
)

// Rabbet in this process is judged without any network.
func Example() {
	b, err := inprocess.Start(inprocess.Config{Pipes: true})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	ctx := context.Background()
	runner, err := conformance.Connect(ctx, b.URL(), b.Hooks(conformance.Options{}))
	if err != nil {
		log.Fatal(err)
	}
	scripts, err := conformance.Matching("^queue/purge-count$")
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range runner.Judge(ctx, scripts, nil).Scripts {
		fmt.Println(s.Name, s.Outcome)
	}
	// Output: queue/purge-count held
}
