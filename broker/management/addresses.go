package management

import (
	"net"
	"strconv"
)

// splitAddress takes host and port of an address apart. What is no address of a network
// has port 0.
func splitAddress(address string) (host string, port int) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return address, 0
	}
	port, err = strconv.Atoi(text)
	if err != nil {
		return address, 0
	}
	return host, port
}
