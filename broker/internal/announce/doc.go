// Package announce publishes the broker's own messages, to exchanges of its own:
// events to amq.rabbitmq.event (EVENT), the log to amq.rabbitmq.log (LOGX), copies of
// messages to amq.rabbitmq.trace (TRACE).
package announce
