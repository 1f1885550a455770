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
// A message is acknowledged at the source when the destination has confirmed it, so that
// whichever of the three parties is killed, nothing is lost. What was not confirmed by then
// is delivered again and may be there twice (SHOVEL-12).
//
// Both ends are connections that speak frames of package amqp. An end that is this broker
// is one that never leaves the process. What a read has brought is written to the other end
// in one go: a message costs no goroutine hop, no system call and no allocation of its own.
package shovel
