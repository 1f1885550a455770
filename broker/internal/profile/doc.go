// Package profile says how versions of RabbitMQ differ: their facts, the arguments of queues
// and consumers, the keys of policies, and which settings a queue gets from both. It knows no
// queue.
//
// A new argument of queues is a line in arguments.go and, if it does something, one in
// settings.go; a new key of policies is a line in policykeys.go and the same one in
// settings.go.
package profile
