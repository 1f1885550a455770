package management

import "github.com/rabbetmq/rabbet/broker"

// lengthFigures are those of the figures that are gauges.
var lengthFigures = span{figureMessages, queueFigures}

// looked calls f with what is recorded of an object.
func (s *Server) looked(l look, f func(recorded)) {
	if s.cfg.RatesMode == ratesNone {
		f(recorded{})
		return
	}
	s.samples.look(l, func(h *history, now int64) { f(recorded{history: h, now: now, rates: true}) })
}

func (s *Server) lookAtQueue(at place, info broker.QueueInfo, w windows, f func(recorded)) {
	s.looked(look{
		key:    objectKey{queueObject, at.name, info.Name},
		gauges: lengthFigures, width: queueFigures, retentions: basicRetention,
		whole: w.lengths != nil || w.messages != nil,
		read: func(to []uint64) bool {
			now, ok := at.Queue(info.Name)
			if !ok || now.ID != info.ID {
				return false
			}
			putMessageStats(to, &now.Stats)
			putLengths(to, now.Ready, now.Unacked, now.Away)
			return true
		},
	}, f)
}

func (s *Server) lookAtExchange(at place, info broker.ExchangeInfo, w windows, f func(recorded)) {
	s.looked(look{
		key:   objectKey{exchangeObject, at.name, info.Name},
		width: 2, retentions: basicRetention, whole: w.messages != nil,
		read: func(to []uint64) bool {
			now, ok := at.Exchange(info.Name)
			to[0], to[1] = now.Stats.PublishIn, now.Stats.PublishOut
			return ok
		},
	}, f)
}

func (s *Server) lookAtConnection(c broker.ConnectionInfo, w windows, f func(recorded)) {
	s.looked(look{
		key:   objectKey{connectionObject, c.VHost, c.ID},
		width: 2, retentions: basicRetention, whole: w.data != nil,
		read: func(to []uint64) bool {
			now, ok := s.broker.Connection(c.ID)
			to[0], to[1] = now.Received, now.Sent
			return ok
		},
	}, f)
}

func (s *Server) lookAtChannel(c channelRef, w windows, f func(recorded)) {
	id, number := c.conn.ID, c.Number
	s.looked(look{
		key:   objectKey{channelObject, c.conn.VHost, c.id()},
		width: messageFigures, retentions: basicRetention, whole: w.messages != nil,
		read: func(to []uint64) bool {
			now, _ := s.broker.Connection(id)
			for i := range now.Channels {
				if now.Channels[i].Number == number {
					putMessageStats(to, &now.Channels[i].Stats)
					return true
				}
			}
			return false
		},
	}, f)
}

// The figures of a virtual host and of the broker: those of a queue, then bytes, then
// what comes and goes.
const (
	figureReceived = queueFigures + iota
	figureSent
	figureConnectionCreated
	figureConnectionClosed
	figureChannelCreated
	figureChannelClosed
	figureQueueDeclared
	figureQueueCreated
	figureQueueDeleted
	totalFigures
)

// putTotals fills in the figures of a virtual host or of the broker.
func putTotals(to []uint64, t *broker.Totals) {
	putMessageStats(to, &t.Messages)
	putLengths(to, t.Ready, t.Unacked, t.Away)
	copy(to[figureReceived:], []uint64{
		t.Received, t.Sent, t.Churn.ConnectionsCreated, t.Churn.ConnectionsClosed, t.Churn.ChannelsCreated,
		t.Churn.ChannelsClosed, t.Churn.QueuesDeclared, t.Churn.QueuesCreated, t.Churn.QueuesDeleted,
	})
}

func (s *Server) lookAtVHost(at place, w windows, f func(recorded)) {
	s.looked(look{
		key:    objectKey{vhostObject, at.name, ""},
		gauges: lengthFigures, width: totalFigures, retentions: globalRetention, whole: w.any(),
		read: func(to []uint64) bool {
			if _, err := s.vhost(at.name); err != nil {
				return false
			}
			t := at.Totals()
			putTotals(to, &t)
			return true
		},
	}, f)
}

// lookAtOverview keeps the samples of the whole broker for as long as the server lives:
// its rates are there at the first request.
func (s *Server) lookAtOverview(f func(recorded)) {
	s.looked(look{
		key:    objectKey{overviewObject, "", ""},
		gauges: lengthFigures, width: totalFigures, retentions: globalRetention, whole: true, constant: true,
		read: func(to []uint64) bool {
			t := s.broker.Totals()
			putTotals(to, &t)
			return true
		},
	}, f)
}
