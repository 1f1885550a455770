package broker

// What tests of other packages' point of view need from inside.

import "net"

// Pipe is an in-memory connection such as Dial makes: the client's end and the
// broker's.
func Pipe() (client, server net.Conn) { return newPipe(pipeCapacity) }
