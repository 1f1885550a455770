// Package tap lets tests and tools see what a broker does, and make things go wrong. The
// broker asks the Tap in its Config about every call of a client; the Tap may pass, change,
// delay or refuse it. The broker also reports the life of each message to it.
//
// Programs that only embed a broker do not need it. Package brokertest builds its faults and its
// ledger on a Tap.
package tap
