// Package tap is how tests and tools see what a broker does, and make things go wrong. A
// Tap in the broker's Config is asked about every call of a client, and may pass, change,
// delay or refuse it; and it is told of the life of each message.
//
// Programs that only embed a broker need none of it. Package brokertest has faults and a
// ledger that are made of a Tap.
package tap
