// Package shovel moves messages from a queue or an exchange of one broker to another, as
// RabbitMQ's plugin of that name does. A shovel is a runtime parameter of the component
// "shovel", under RabbitMQ's names and with its refusals (SHOVEL-1 to SHOVEL-3):
//
//	m, err := shovel.Start(b, shovel.Config{Logger: log})
//	defer m.Close()
//	v.SetParameter("shovel", "orders", []byte(`{
//		"src-uri": "amqp:///%2f", "src-queue": "orders",
//		"dest-uri": "amqps://user:password@elsewhere", "dest-queue": "orders"}`))
//
// A shovel acknowledges a message at the source when the destination has confirmed it. So
// nothing is lost if the source, the destination or the shovel is killed. What was not
// confirmed by then is delivered again and may arrive twice (SHOVEL-12).
//
// Both ends are connections that speak frames of package amqp. If an end is this broker,
// its connection stays in the process. All that one read brings is written to the other end
// at once: a message costs no goroutine hop, no system call and no allocation of its own.
package shovel
