package topology

// DeclareSystem makes an internal topic exchange of the broker's own, such as
// amq.rabbitmq.event, unless it is there (EVENT-1, LOGX-1).
func (vh *VHost) DeclareSystem(name string) {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	if vh.exchanges[name] == nil && !vh.sealed {
		x := &Exchange{Name: name, Kind: "topic", Durable: true, kept: true, Internal: true}
		if vh.makeTable(x, x.Kind) == nil { // which it never refuses
			vh.exchanges[name] = x
			vh.env.exchanges.Add(1)
			vh.changed()
			vh.persistExchange(x)
		}
	}
	vh.watchBindings(vh.exchanges[name])
}

// RemoveSystem deletes such an exchange with its bindings, if it is there (LOGX-10).
func (vh *VHost) RemoveSystem(name string) {
	vh.mu.Lock()
	defer vh.mu.Unlock()
	if x := vh.exchanges[name]; x != nil {
		vh.removeExchange(x, InternalUser)
	}
}

// watchBindings notes whether an exchange, if it is that of events, has bindings. Called
// with the lock held whenever that can have changed.
func (vh *VHost) watchBindings(x *Exchange) {
	if x != nil && x.Name == EventExchange && !vh.recovering {
		vh.env.Events.wanted.Store(vh.exchanges[x.Name] == x && x.table.Len() > 0)
	}
}

// systemExchanges are those that DeclareSystem makes: the store may have them.
var systemExchanges = []string{EventExchange, LogExchange}

// LogExchange is the exchange that the log is published to, where there is one (LOGX-1).
const LogExchange = "amq.rabbitmq.log"

// TraceExchange is the exchange that copies of messages go to while a virtual host is
// traced (TRACE-1).
const TraceExchange = "amq.rabbitmq.trace"
