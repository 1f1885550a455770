package broker

import (
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/internal/unacked"
	"github.com/rabbetmq/rabbet/queue"

	"github.com/rabbetmq/rabbet/broker/tap"
)

// Transactions (BASIC-81 to BASIC-88).

// A transaction is what a channel has done since the last commit or rollback.
type transaction struct {
	publishes []txPublish
	settled   []txSettle // changed under the connection's lock, for others to see
	// generation is the virtual host's at the first publish: while it is the same, no
	// queue has been deleted.
	generation uint64
	refused    bool // a queue has rejected a publish of the commit
	logged     bool // a delayed exchange has given a publish to the store
}

// A txPublish is a publish that was checked and routed already (BASIC-83).
type txPublish struct {
	msg       *queue.Message
	routing   routing
	mandatory bool
	nacked    bool // by a Tap: there is nothing else of it
}

// A txSettle is deliveries of which the client has said the same, in settlements that
// follow each other (BASIC-84).
type txSettle struct {
	out     []unacked.Delivery[consumer]
	verdict verdict
}

func (t *transaction) publish(m *queue.Message, w routing, mandatory bool, generation uint64) {
	if len(t.publishes) == 0 {
		t.generation = generation
	}
	w.Queues = slices.Clone(w.Queues)
	t.publishes = append(t.publishes, txPublish{msg: m, routing: w, mandatory: mandatory})
}

// takeBack undoes what publishes that come to nothing have left behind.
func takeBack(publishes []txPublish) {
	for i := range publishes {
		publishes[i].routing.TakeBack()
	}
}

// taken returns the deliveries of all settlements.
func (t *transaction) taken() []unacked.Delivery[consumer] {
	var all []unacked.Delivery[consumer]
	for _, s := range t.settled {
		all = append(all, s.out...)
	}
	return all
}

func (t *transaction) settle(out []unacked.Delivery[consumer], v verdict) {
	if n := len(t.settled); n > 0 && t.settled[n-1].verdict == v { // one at the commit (BASIC-84)
		t.settled[n-1].out = append(t.settled[n-1].out, out...)
		return
	}
	t.settled = append(t.settled, txSettle{slices.Clone(out), v})
}

// txSelect is BASIC-81.
func (ch *channel) txSelect() error {
	if ch.mode == modeConfirm {
		return amqp.Errorf(amqp.PreconditionFailed, "cannot switch from confirm to tx mode")
	}
	ch.setMode(modeTx)
	return ch.reply0(nil, false, &amqp.TxSelectOk{})
}

// checkTxSize refuses a publish in a transaction that has all that it may.
func (ch *channel) checkTxSize() error {
	if most := ch.c.b.profile.MaxTx; most > 0 && len(ch.tx.publishes) >= most {
		return amqp.Errorf(amqp.PreconditionFailed, "transaction has reached the maximum of %d uncommitted publishes", most)
	}
	return nil
}

func (ch *channel) checkTx() error {
	if ch.mode != modeTx { // BASIC-82: 406 without a transaction
		return amqp.Errorf(amqp.PreconditionFailed, "channel is not transactional")
	}
	return nil
}

// endTx begins another transaction and returns the one before.
func (ch *channel) endTx() transaction {
	ch.c.out.mu.Lock()
	defer ch.c.out.mu.Unlock()
	tx := ch.tx
	ch.tx = transaction{}
	ch.uncommitted.Store(0)
	return tx
}

// txCommit delivers the publishes, returns included, then settles the
// deliveries, then answers (BASIC-83, BASIC-84, BASIC-86).
func (ch *channel) txCommit() error {
	if err := ch.checkTx(); err != nil {
		return err
	}
	c, tx := ch.c, ch.endTx()
	if c.record.on() {
		c.record.tx(tx.publishes, tap.EventCommitted)
	}
	if err := ch.checkQueuesOf(&tx); err != nil {
		return err
	}
	for _, p := range tx.publishes {
		if p.nacked {
			ch.tx.refused = true
			continue
		}
		ch.pass(p.msg, p.routing, p.mandatory)
	}
	c.flushPublishes()
	for _, s := range tx.settled {
		c.finish(ch, s.out, s.verdict)
	}
	c.fx.Logged = c.fx.Logged || tx.logged
	if err := c.awaitCommit(); err != nil || ch.tx.refused {
		return amqp.Errorf(amqp.PreconditionFailed, "partial tx completion")
	}
	return ch.reply0(nil, false, &amqp.TxCommitOk{})
}

// checkQueuesOf looks for queues that a transaction's publishes were routed to and that
// have been deleted since. A deleted classic queue rejects what is for it, as from 4.2
// on any does whose name is free (BASIC-83, BASIC-86).
func (ch *channel) checkQueuesOf(tx *transaction) error {
	c := ch.c
	if tx.generation == c.vhost.Generation() {
		return nil
	}
	for _, p := range tx.publishes {
		for _, q := range p.routing.Queues {
			switch now := c.vhost.Named(q.Name); {
			case now == q:
			case now == nil && c.b.profile.TxNeedsQueues:
				return amqp.Errorf(amqp.ResourceError, "failed to deliver message: {not_found,{resource,%s,queue,%s}}",
					amqp.FormatBinary([]byte(c.vhost.Name)), amqp.FormatBinary([]byte(q.Name)))
			case !q.Quorum():
				ch.tx.refused = true
			}
		}
	}
	return nil
}

// txRollback forgets the publishes; the deliveries are unacked again, not
// requeued (BASIC-85).
func (ch *channel) txRollback() error {
	if err := ch.checkTx(); err != nil {
		return err
	}
	tx := ch.endTx()
	takeBack(tx.publishes)
	if ch.c.record.on() {
		ch.c.record.tx(tx.publishes, tap.EventRolledBack)
	}
	ch.c.out.mu.Lock()
	ch.unacked.Restore(tx.taken())
	ch.c.out.mu.Unlock()
	return ch.reply0(nil, false, &amqp.TxRollbackOk{})
}
