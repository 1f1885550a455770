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
// first from ones, and how many are ready. It changes nothing; it costs what all messages
// up to the last one cost. The bodies are shared with the queue: do not write to them.
func (v *VHost) Browse(name string, from, limit int) ([]QueuedMessage, int, error) {
	q, err := v.vh.Queue(name, nil)
	if err != nil {
		return nil, 0, err
	}
	if from < 0 || limit < 0 {
		return nil, 0, errors.New("broker: from or limit is negative")
	}
	total := q.Counts().Ready
	items := q.Peek(from + limit)
	items = items[min(from, len(items)):]
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
