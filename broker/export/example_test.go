package export_test

import (
	"bytes"
	"fmt"
	"io"

	"github.com/rabbetmq/rabbet/broker/export"
)

// Messages are written one after the other, and read until there are no more.
func Example() {
	var b []byte
	for _, order := range []string{"41", "42"} {
		b = export.Append(b, &export.Message{ID: order, Key: "orders", Body: []byte("order " + order)})
	}
	r := bytes.NewReader(b)
	m, err := export.Read(r)
	for ; err == nil; m, err = export.Read(r) {
		fmt.Printf("%s %s: %s\n", m.ID, m.Key, m.Body)
	}
	fmt.Println(err == io.EOF)
	// Output:
	// 41 orders: order 41
	// 42 orders: order 42
	// true
}
