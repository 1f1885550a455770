// rabbet store: looks after a data folder while no broker has it. check says
// what is in it and whether it is sound, compact gives its free space back.

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

const storeUsage = `Usage: rabbet store check DIR
       rabbet store compact DIR

check reads all of the data folder DIR and changes nothing: it prints the durable
queues with their messages, and ok, or every fault it finds. compact replaces the
data file by a copy without free space. Both need a folder that no broker has.
`

// maxFaults is the number of faults that a check prints.
const maxFaults = 100

func storeCommand(c console, args []string) error {
	if slices.ContainsFunc(args, isHelp) {
		if _, err := io.WriteString(c.stdout, storeUsage); err != nil {
			return err
		}
		return flag.ErrHelp
	}
	if len(args) != 2 {
		return usagef("store takes check or compact, and a data folder")
	}
	switch args[0] {
	case "check":
		return storeCheck(c, args[1])
	case "compact":
		return storeCompact(c, args[1])
	}
	return usagef("unknown command %q of rabbet store", args[0])
}

func storeCompact(c console, dir string) error {
	before, after, err := store.Compact(dir)
	if err != nil {
		return storeError("compact", dir, err)
	}
	_, err = fmt.Fprintf(c.stdout, "%d bytes before, %d after\n", before, after)
	return err
}

// storeError says in a line why a folder cannot be handled.
func storeError(verb, dir string, err error) error {
	if errors.Is(err, store.ErrLocked) {
		return fmt.Errorf("cannot %s data folder %s: another process has it", verb, dir)
	}
	return fmt.Errorf("cannot %s data folder %s: %w", verb, dir, err)
}

// A storedQueue is a queue's record, and what the store has of its messages.
type storedQueue struct {
	VHost, Name string
	ID          uint64
	Args        []byte

	levels   uint64
	messages int
	bytes    uint64
}

// An inventory is what a check learns of the queues.
type inventory struct{ queues map[uint64]*storedQueue }

func storeCheck(c console, dir string) error {
	inv := inventory{queues: make(map[uint64]*storedQueue)}
	content, err := store.Check(dir, store.Meaning{Message: queue.CheckStored, Record: inv.record})
	if err != nil {
		return storeError("check", dir, err)
	}
	faults := content.Faults
	transient := 0
	for _, log := range content.Logs {
		transient += log.Volatile
		id, level := queue.QueueOf(log.ID), uint64(log.ID)&0xff
		q := inv.queues[id]
		switch {
		case q != nil && level < q.levels:
			q.messages += log.Messages
			q.bytes += log.Bytes
		case log.Messages > 0: // transient ones may be of queues that do not last
			faults = append(faults, fmt.Sprintf("log %d: %d messages of queue %d at priority %d, which is unknown",
				log.ID, log.Messages, id, level))
		}
	}
	inv.print(c.stdout, transient)
	if len(faults) == 0 {
		_, err := fmt.Fprintln(c.stdout, "ok")
		return err
	}
	for _, fault := range faults[:min(len(faults), maxFaults)] {
		fmt.Fprintln(c.stdout, "fault:", fault)
	}
	return fmt.Errorf("data folder %s has faults: %d", dir, len(faults))
}

// print lists the queues in order of their names.
func (inv *inventory) print(w io.Writer, transient int) {
	queues := make([]*storedQueue, 0, len(inv.queues))
	messages, bytes := 0, uint64(0)
	for _, q := range inv.queues {
		queues = append(queues, q)
		messages += q.messages
		bytes += q.bytes
	}
	slices.SortFunc(queues, func(a, b *storedQueue) int {
		return strings.Compare(a.VHost+"\x00"+a.Name, b.VHost+"\x00"+b.Name)
	})
	for _, q := range queues {
		fmt.Fprintf(w, "queue %q in vhost %q: messages %d, bytes %d\n", q.Name, q.VHost, q.messages, q.bytes)
	}
	fmt.Fprintf(w, "queues %d, messages %d, bytes %d\n", len(queues), messages, bytes)
	if transient > 0 {
		fmt.Fprintf(w, "transient messages, to be dropped at the next start: %d\n", transient)
	}
}

// record checks one record of the topology; those of queues are kept.
func (inv *inventory) record(key string, value []byte) error {
	kind, names, _ := strings.Cut(key, "\x00")
	var doc storedQueue
	if err := json.Unmarshal(value, &doc); err != nil {
		return err
	}
	var args amqp.Table
	if doc.Args != nil {
		var rest []byte
		var err error
		if args, rest, err = amqp.DecodeTable(doc.Args); err != nil {
			return err
		} else if len(rest) > 0 {
			return errors.New("bytes after its arguments")
		}
	}
	want := doc.VHost + "\x00" + doc.Name
	switch kind {
	case "vhost":
		want = doc.Name
	case "binding", "policy", "operator_policy":
		want, names = doc.VHost, names[:min(len(names), len(doc.VHost))]
	case "queue":
		q := doc
		if other := inv.queues[q.ID]; other != nil {
			return fmt.Errorf("has the ID %d of queue %q in vhost %q", q.ID, other.Name, other.VHost)
		}
		highest, _ := args.Get("x-max-priority")
		n, _ := amqp.AsInt(highest)
		q.levels = uint64(n) + 1
		inv.queues[q.ID] = &q
	case "exchange":
	default:
		return errors.New("of an unknown kind")
	}
	if names != want {
		return errors.New("its key and its value have different names")
	}
	return nil
}
