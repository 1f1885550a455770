package broker

// What tests of other packages' point of view need from inside.

// LargestOutbox is the number of bytes in the fullest outbox of a connection.
func (b *Broker) LargestOutbox() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	largest := 0
	for c := range b.conns {
		c.out.mu.Lock()
		largest = max(largest, c.out.size())
		c.out.mu.Unlock()
	}
	return largest
}
