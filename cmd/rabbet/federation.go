package main

import (
	"log/slog"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/shovel"
)

const upstreams = "federation-upstream"

// noteUpstreams checks upstreams of federation, keeps them, and says that they link nothing
// (FEDERATION-1).
func noteUpstreams(b *broker.Broker, log *slog.Logger) {
	note := func(p broker.Parameter) {
		if p.Value != nil {
			log.Warn("Federation upstream '" + p.Name + "' in virtual host '" + p.VHost + "' is kept, and nothing is linked: there is no federation here")
		}
	}
	b.RegisterComponent(broker.Component{
		Name: upstreams, Changed: note,
		Check: func(p broker.Parameter, _ *access.Identity) error { return shovel.CheckUpstream(p.Name, p.Value) },
	})
	for _, name := range b.VHosts() {
		if v, err := b.VHost(name); err == nil { // not deleted meanwhile
			for _, p := range v.Parameters(upstreams) {
				note(p)
			}
		}
	}
}
