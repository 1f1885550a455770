package ui_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/rabbetmq/rabbet/broker/management/ui"
)

// The page is the Page of a management.Config.
func Example() {
	page := httptest.NewRecorder()
	ui.Handler().ServeHTTP(page, httptest.NewRequest("GET", "/", nil))
	fmt.Println(page.Code, page.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}
