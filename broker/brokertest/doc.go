// Package brokertest gives a test a broker of its own: to RabbitMQ what httptest
// is to HTTP.
//
//	func TestOrderIsShipped(t *testing.T) {
//		mq := brokertest.New(t)          // closed when the test ends
//		svc := orders.New(mq.URL())      // any client, any library
//		svc.Place(order)
//		mq.RequireLen("orders.pending", 1)
//	}
//
// The broker behaves as RabbitMQ 3.13 does. It keeps everything in memory unless
// told otherwise, listens on a free port of loopback once URL is called, and is
// silent unless the test fails: then its log is shown with the test's. As many
// as you like live side by side in parallel tests.
//
// Time is real, unless WithManualClock makes it stand still for Advance to move.
// Inside a testing/synctest bubble everything runs on the bubble's time, over
// connections in memory: see DialFunc.
//
// docs/testing.md in the repository shows every feature with an example.
package brokertest
