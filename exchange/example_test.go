package exchange_test

import (
	"fmt"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/exchange"
)

// A table is generic over the destination: here, names of queues.
func Example() {
	table, err := exchange.New[string]("topic", nil)
	if err != nil {
		panic(err)
	}
	for _, b := range []struct{ key, queue string }{
		{"stock.*.nyse", "new-york"},
		{"stock.#", "all-stock"},
		{"#.nasdaq", "nasdaq"},
	} {
		if _, err := table.Bind(b.key, nil, b.queue); err != nil {
			panic(err)
		}
	}
	for _, key := range []string{"stock.usd.nyse", "stock.eur.nasdaq", "stock", "bond.nasdaq"} {
		queues := table.Route(nil, exchange.Message{Key: key})
		slices.Sort(queues)
		fmt.Println(key, queues)
	}
	// Output:
	// stock.usd.nyse [all-stock new-york]
	// stock.eur.nasdaq [all-stock nasdaq]
	// stock [all-stock]
	// bond.nasdaq [nasdaq]
}

// A headers exchange compares a binding's arguments with a message's headers.
func ExampleTable_headers() {
	table, _ := exchange.New[string]("headers", nil)
	bind := func(queue string, args amqp.Table) {
		if _, err := table.Bind("", args, queue); err != nil {
			fmt.Println(err)
		}
	}
	bind("pdf-reports", amqp.Table{
		{Key: "format", Value: "pdf"}, {Key: "type", Value: "report"}, {Key: "x-match", Value: "all"},
	})
	bind("pdf-or-report", amqp.Table{
		{Key: "format", Value: "pdf"}, {Key: "type", Value: "report"}, {Key: "x-match", Value: "any"},
	})
	bind("typed", amqp.Table{{Key: "type", Value: nil}}) // whatever its value
	bind("refused", amqp.Table{{Key: "x-match", Value: "most"}})

	headers := amqp.AppendTable(nil, amqp.Table{{Key: "type", Value: "report"}, {Key: "format", Value: "zip"}})
	queues := table.Route(nil, exchange.Message{Headers: amqp.RawTable(headers[4:])}) // without the length
	slices.Sort(queues)
	fmt.Println(queues)
	// Output:
	// Invalid x-match field value <<"most">>; expected all, any, all-with-x, or any-with-x
	// [pdf-or-report typed]
}

// A queue that is deleted takes its bindings along, at a cost that depends on
// those alone.
func ExampleTable_removeDest() {
	table, _ := exchange.New[string]("direct", nil)
	for _, key := range []string{"red", "green"} {
		for _, queue := range []string{"q1", "q2"} {
			if _, err := table.Bind(key, nil, queue); err != nil {
				panic(err)
			}
		}
	}
	added, _ := table.Bind("red", nil, "q1")
	fmt.Println("bound again:", added)
	for b := range table.Of("q1") {
		fmt.Println("leads to q1:", b.Key)
	}
	fmt.Println("removed:", table.RemoveDest("q1"))
	fmt.Println("left:", table.Len(), table.Route(nil, exchange.Message{Key: "red"}))
	// Output:
	// bound again: false
	// leads to q1: green
	// leads to q1: red
	// removed: 2
	// left: 2 [q2]
}
