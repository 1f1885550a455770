package memory_test

import (
	"fmt"
	"log"

	"github.com/rabbetmq/rabbet/store"
	"github.com/rabbetmq/rabbet/store/memory"
)

// A store ends, and the next one over the same engine has what it left.
func Example() {
	engine := new(memory.Engine)
	st := store.New(engine, store.Options{})
	st.Put("greeting", []byte("hello"))
	if err := st.Close(); err != nil {
		log.Fatal(err)
	}

	st = store.New(engine, store.Options{})
	defer st.Close()
	err := st.Records(func(key string, value []byte) error {
		fmt.Printf("%s: %s\n", key, value)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output: greeting: hello
}
