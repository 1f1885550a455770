package store_test

import (
	"fmt"
	"log"
	"math"
	"os"

	"github.com/rabbetmq/rabbet/store"
)

// A note is a message that is nothing but text.
type note string

func (n note) EncodedLen() int               { return len(n) }
func (n note) AppendEncoded(b []byte) []byte { return append(b, n...) }
func (n note) Content() []byte               { return nil }
func (n note) Size() int                     { return len(n) }

// Three messages go into a log, one of them is settled, and after a restart the
// others are there.
func Example() {
	dir, err := os.MkdirTemp("", "rabbet-example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	st, err := store.Open(dir, store.Options{})
	if err != nil {
		log.Fatal(err)
	}
	notes := st.Log(1)
	var app store.Appender
	app.Add(notes, 1, 0, false, note("one"))
	app.Add(notes, 2, 0, false, note("two"))
	app.Add(notes, 3, 0, false, note("three"))
	app.Remove(notes, 2)
	app.Flush()
	if err := st.Close(); err != nil { // commits what is pending
		log.Fatal(err)
	}

	st, err = store.Open(dir, store.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer st.Close()
	notes, err = st.Recover(1, func(r *store.Record) int { return len(r.Data) }, func(r store.Range) {
		fmt.Println(r.Count, "messages of", r.Size, "bytes")
	})
	if err != nil {
		log.Fatal(err)
	}
	err = notes.Load(0, math.MaxUint64, func(r store.Record) bool {
		fmt.Printf("%d: %s\n", r.Seq, r.Data)
		return true
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 2 messages of 8 bytes
	// 1: one
	// 3: three
}
