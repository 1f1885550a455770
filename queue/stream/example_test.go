package stream_test

import (
	"fmt"
	"log"

	"github.com/rabbetmq/rabbet/delay"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/queue/stream"
)

// A stream keeps what was read.
func Example() {
	s := stream.New(stream.Config{Name: "events", Env: &queue.Env{
		Clock: delay.Real{}, Perform: func(fx *queue.Effects) { fx.Flush() },
	}})
	defer s.Stop()
	var fx queue.Effects
	none := []byte{0, 0} // flags of the properties
	s.Publish([]*queue.Message{{Props: none, Body: []byte("one")}, {Props: none, Body: []byte("two")}}, &fx)
	for _, from := range []int64{0, 1} {
		items, err := s.PeekFrom(stream.At(from), 10)
		if err != nil {
			log.Fatal(err)
		}
		for _, item := range items {
			fmt.Printf("from %d: %d %s\n", from, item.Seq, item.Msg.Body)
		}
	}
	// Output:
	// from 0: 0 one
	// from 0: 1 two
	// from 1: 1 two
}
