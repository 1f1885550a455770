// Package message reads and writes a message's properties and headers for the broker:
// the expiration, CC and BCC, x-delay, and x-death. It makes dead letters. It
// knows no exchange and no queue.
package message
