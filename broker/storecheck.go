package broker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/records"
	"github.com/rabbetmq/rabbet/broker/internal/topology"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

// A StoreCheck is what CheckStore has found.
type StoreCheck struct {
	// Queues are the durable queues, and DelayedExchanges the names under which
	// delayed messages wait or may come to wait, by virtual host and name.
	Queues, DelayedExchanges []StoredMessages
	// Transient is the number of messages that the next start drops.
	Transient int
	// Faults are all that is wrong, each in words; none if all is well.
	Faults []string
}

// StoredMessages is what a store has of the messages of one holder.
type StoredMessages struct {
	VHost, Name string
	Messages    int
	// Bytes are the sizes of the messages, properties included, as they are stored.
	Bytes uint64
}

// CheckStore reads all of the store in a folder that no process has open, and changes
// nothing. It fails with store.ErrLocked if a process has it, and for what is no store
// or one of another format; what is wrong inside is in the StoreCheck.
func CheckStore(dir string) (*StoreCheck, error) {
	c := storeChecker{holders: make(map[uint64]*storedHolder)}
	content, err := store.Check(dir, store.Meaning{
		Message: queue.CheckStored, Record: c.record, Note: queue.CheckNote, Values: c.isCache,
	})
	if err != nil {
		return nil, err
	}
	found := &StoreCheck{}
	faults := content.Faults
	for _, log := range content.Logs {
		found.Transient += log.Volatile
		id, level := queue.QueueOf(log.ID), int(log.ID&0xff)
		h := c.holders[id]
		switch {
		case h != nil && level < h.levels:
			h.Messages += log.Messages
			h.Bytes += log.Bytes
		case log.Messages > 0: // transient ones may be of queues that do not last
			faults = append(faults, store.Fault{Text: fmt.Sprintf("log %d: %d messages of queue %d at priority %d, which is unknown",
				log.ID, log.Messages, id, level)})
		}
	}
	for _, fault := range faults {
		where := ""
		if h := c.holders[queue.QueueOf(fault.Log)]; h != nil {
			where = h.String() + ": "
		}
		found.Faults = append(found.Faults, where+fault.Text)
	}
	found.Queues, found.DelayedExchanges = c.list(records.KindQueue), c.list(records.KindDelayed)
	return found, nil
}

// A storedHolder is what messages in a store can belong to.
type storedHolder struct {
	StoredMessages
	kind   records.Kind
	levels int // of priority, each a log of its own
}

// String names the holder.
func (h *storedHolder) String() string {
	what := "queue"
	switch h.kind {
	case records.KindDelayed:
		what = "delayed exchange"
	case records.KindExchange:
		what = "cache of exchange"
	}
	return fmt.Sprintf("%s %q in vhost %q", what, h.Name, h.VHost)
}

// A storeChecker learns from records who holds messages, by ID.
type storeChecker struct{ holders map[uint64]*storedHolder }

// isCache reports whether a log is the cache of an x-message-deduplication exchange: it
// holds values (DEDUP-6).
func (c *storeChecker) isCache(id store.LogID) bool {
	h := c.holders[queue.QueueOf(id)]
	return h != nil && h.kind == records.KindExchange
}

// record checks one record.
func (c *storeChecker) record(key string, value []byte) error {
	doc, err := records.Check(key, value)
	if err != nil {
		return err
	}
	switch doc := doc.(type) {
	case *records.Queue:
		levels, err := topology.Levels(doc)
		if err != nil {
			return err
		}
		return c.add(doc.ID, storedHolder{StoredMessages{VHost: string(doc.VHost), Name: string(doc.Name)}, doc.Kind(), levels})
	case *records.Exchange:
		if doc.Cache != 0 {
			return c.add(doc.Cache, storedHolder{StoredMessages{VHost: string(doc.VHost), Name: string(doc.Name)}, doc.Kind(), 1})
		}
	case *records.Delayed:
		return c.add(doc.ID, storedHolder{StoredMessages{VHost: string(doc.VHost), Name: string(doc.Name)}, doc.Kind(), 1})
	}
	return nil
}

func (c *storeChecker) add(id uint64, h storedHolder) error {
	if other := c.holders[id]; other != nil {
		return fmt.Errorf("has the ID %d of %s", id, other)
	}
	c.holders[id] = &h
	return nil
}

func (c *storeChecker) list(kind records.Kind) (list []StoredMessages) {
	for h := range maps.Values(c.holders) {
		if h.kind == kind {
			list = append(list, h.StoredMessages)
		}
	}
	slices.SortFunc(list, func(a, b StoredMessages) int {
		return cmp.Or(cmp.Compare(a.VHost, b.VHost), cmp.Compare(a.Name, b.Name))
	})
	return list
}
