package main

import (
	"net"
	"slices"
)

// suspend closes the listeners of clients: connections stay, and new ones are refused.
func (n *node) suspend() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.suspendLocked()
}

func (n *node) suspendLocked() error {
	if n.broker == nil {
		return errNotRunning
	}
	if n.suspended != nil {
		return nil
	}
	again := n.s.set.Settings
	again.Listen.TCP, again.Listen.TLS = slices.Clone(again.Listen.TCP), slices.Clone(again.Listen.TLS)
	for i, l := range n.listeners { // a port that the system chose stays
		at, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			break // the sockets of the machine come last
		}
		if tcp := len(again.Listen.TCP); i < tcp {
			again.Listen.TCP[i].Port = at.Port
		} else {
			again.Listen.TLS[i-tcp].Port = at.Port
		}
	}
	n.suspended = &again
	return closeAll(n.listeners)
}

// resume listens again, at the same addresses.
func (n *node) resume() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.resumeLocked()
}

func (n *node) resumeLocked() error {
	if n.broker == nil {
		return errNotRunning
	}
	if n.suspended == nil {
		return nil
	}
	listeners, err := listen(n.suspended, n.s.log.Logger)
	if err != nil {
		return err
	}
	accept(n.broker, listeners)
	n.listeners, n.suspended = listeners, nil
	return nil
}

// drain puts the node under maintenance: it takes no clients.
func (n *node) drain() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := n.suspendLocked()
	n.draining = err == nil
	return err
}

// revive ends the maintenance.
func (n *node) revive() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := n.resumeLocked()
	if err == nil {
		n.draining = false
	}
	return err
}

// condition reports whether the node is drained, and its memory limit as a part of the
// machine's memory, 0 if it is in bytes.
func (n *node) condition() (draining bool, memoryRatio float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.draining, n.memoryRatio
}

func (n *node) setMemoryRatio(ratio float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.memoryRatio = ratio
}
