package broker

import (
	"errors"
	"strconv"
	"time"

	"github.com/rabbetmq/rabbet/queue"
)

// A QueuedMessage is a message that is ready in a queue.
type QueuedMessage struct {
	Message
	// ID names the message in its queue for as long as it is there.
	ID string
	// Expires is when it expires at the head of its queue; the zero time is never.
	Expires time.Time
	// Deliveries is how often a quorum queue has got it back.
	Deliveries int
}

// Browse returns up to limit ready messages of a queue in delivery order, without the
// first from ones, and how many are ready. It changes nothing. The bodies are shared with the queue: do not write to them.
func (v *VHost) Browse(name string, from, limit int) ([]QueuedMessage, int, error) {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return nil, 0, err
	}
	if from < 0 || limit < 0 {
		return nil, 0, errors.New("broker: from or limit is negative")
	}
	total := q.Counts().Ready
	items := q.Peek(from, limit)
	list := make([]QueuedMessage, len(items))
	for i := range items {
		it := &items[i]
		m, err := messageOf(it, deliveredProps(it))
		if err != nil {
			return nil, 0, err
		}
		list[i] = QueuedMessage{Message: m, ID: strconv.FormatUint(it.Seq, 10), Deliveries: int(it.Returns)}
		if it.Deadline != 0 {
			list[i].Expires = time.UnixMicro(it.Deadline)
		}
	}
	return list, total, nil
}

// ErrMoved is returned by Empty for a queue in which something has happened.
var ErrMoved = errors.New("the queue does not hold exactly that any more")

// StandStill reports whether a queue delivers anything, and whether it takes publishes of
// clients and programs; both is how it is at the start. A durable queue keeps it over a
// restart, and it is on disk when StandStill returns. While publishes is false a queue
// rejects them, and a confirm says so; dead letters and delayed messages come in all the
// same. It fails with ErrNotTaker for streams.
func (v *VHost) StandStill(name string, deliveries, publishes bool) error {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return err
	}
	var fx queue.Effects
	if !q.StandStill(v.vh, deliveries, publishes, &fx) {
		return ErrNotTaker
	}
	v.vh.Perform(&fx)
	return v.b.env.AwaitStore()
}

// Newest returns the position of the newest message that a queue has had, which grows with each;
// 0 for a stream.
func (v *VHost) Newest(name string) (uint64, error) {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return 0, err
	}
	if s, ok := q.Queue.(queue.Stander); ok {
		return s.Newest(), nil
	}
	return 0, nil
}

// Empty drops a queue's ready messages if nothing has happened since it had so many of
// them and its newest message was at this position, as Newest had it; otherwise it fails with ErrMoved, and while a message is
// out with a consumer too. It fails with ErrNotTaker for streams.
func (v *VHost) Empty(name string, ready int, newest uint64) error {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return err
	}
	s, ok := q.Queue.(queue.Stander)
	if !ok {
		return ErrNotTaker
	}
	if !s.PurgeExactly(ready, newest) {
		return ErrMoved
	}
	return v.b.env.AwaitStore()
}

// ErrNotTaker is returned by Claim for a stream, of which nothing can be taken.
var ErrNotTaker = errors.New("messages of a stream cannot be taken")

// Claim takes messages that are ready out of a queue, by their IDs, as Get takes the
// first: the program holds them until Ack or Nack. Those that are not ready are left out;
// what is more than queue.TakeReach messages away counts as such. It fails for streams.
func (v *VHost) Claim(name string, ids []string) ([]*Delivery, error) {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return nil, err
	}
	taker, ok := q.Queue.(queue.Taker)
	if !ok {
		return nil, ErrNotTaker
	}
	positions := make([]uint64, 0, len(ids))
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 64); err == nil {
			positions = append(positions, n)
		}
	}
	var taken []*Delivery
	for _, it := range taker.Take(positions) {
		d, err := v.take(q, it, false)
		if err != nil {
			return taken, err
		}
		taken = append(taken, d)
	}
	return taken, nil
}
