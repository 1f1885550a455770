// Package message is what a broker reads and writes in a message's properties and headers:
// the expiration, CC and BCC, x-delay, and x-death with the dead letter that it is in. It
// knows no exchange and no queue.
package message
