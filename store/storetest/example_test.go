package storetest_test

import (
	"fmt"

	"github.com/rabbetmq/rabbet/store/storetest"
)

// What an engine has to do, by the names of the checks.
func Example() {
	for _, check := range storetest.Checks()[:4] {
		fmt.Println(check.Name)
	}
	// Output:
	// messages
	// sizes
	// removal
	// within a batch
}
