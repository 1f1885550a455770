package brokertest

import "github.com/rabbetmq/rabbet/broker"

// This file is one virtual host of a test's broker: whose names the methods
// that take a queue's or an exchange's name mean.

// A VHost is a handle on one virtual host of a test's broker. A Broker has the
// methods of its default one.
type VHost struct {
	mq   *Broker
	name string // "" is the default one
}

// In is another virtual host, which is created unless it exists; the broker's
// user may do everything there.
func (mq *Broker) In(vhost string) *VHost {
	mq.Broker().AddVHost(vhost)
	return &VHost{mq, vhost}
}

// host is the virtual host in the broker of the moment.
func (v *VHost) host() *broker.VHost {
	v.mq.tb.Helper()
	h, err := v.mq.Broker().VHost(v.name)
	if err != nil { // a restart of a broker without a store has lost it
		v.mq.tb.Fatalf("brokertest: %v", err)
	}
	return h
}
