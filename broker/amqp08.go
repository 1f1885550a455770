package broker

import (
	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
)

// A client may ask for AMQP 0-8 (CONN-3). What differs from 0-9-1 on channel 0 is how
// connection.close and close-ok are numbered: 10.60 and 10.61.

// A dialect is whether a client speaks AMQP 0-8.
type dialect bool

// later is by how much the methods' numbers are higher in 0-8.
const later = 10

// named is the method on channel 0 that a number means.
func (d dialect) named(id amqp.MethodID) amqp.MethodID {
	if !d {
		return id
	}
	switch id {
	case amqp.ConnectionCloseID + later, amqp.ConnectionCloseOkID + later:
		return id - later
	case amqp.ConnectionCloseID, amqp.ConnectionCloseOkID:
		return 0 // connection.redirect, and none
	}
	return id
}

// sendClosing sends connection.close or close-ok.
func (o *outbound) sendClosing(m amqp.Method, d dialect, fx *queue.Effects) {
	const frameHead, lowByte = 7, 3
	o.mu.Lock()
	defer o.mu.Unlock()
	at := len(o.buf)
	o.appendMethod(0, m, fx)
	if d && len(o.buf) > at {
		o.buf[at+frameHead+lowByte] += later
	}
}
