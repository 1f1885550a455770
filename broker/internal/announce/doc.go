// Package announce publishes what the broker itself has to say, to exchanges of its own:
// events to amq.rabbitmq.event (EVENT), the log to amq.rabbitmq.log (LOGX), copies of
// messages to amq.rabbitmq.trace (TRACE).
package announce
