// rabbet store: looks after a data folder while no broker has it. check says
// what is in it and whether it is sound, compact gives its free space back.

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/queue"
	"github.com/rabbetmq/rabbet/store"
)

const storeUsage = `Usage: rabbet store check DIR
       rabbet store compact DIR

check reads all of the data folder DIR and changes nothing: it prints the durable
queues with their messages, the delayed exchanges with those that wait in them,
and ok, or every fault it finds. compact replaces the
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

// A holder is the record of a queue, or of a name under which delayed messages
// wait, and what the store has of its messages.
type holder struct {
	VHost, Name    string
	ID             uint64
	Args           []byte
	QuorumPriority queue.QuorumPriority

	kind     string
	levels   int // of priority, each a log of its own
	messages int
	bytes    uint64
}

// An inventory is what a check learns of those that hold messages.
type inventory struct{ holders map[uint64]*holder }

func storeCheck(c console, dir string) error {
	inv := inventory{holders: make(map[uint64]*holder)}
	content, err := store.Check(dir, store.Meaning{Message: queue.CheckStored, Record: inv.record})
	if err != nil {
		return storeError("check", dir, err)
	}
	faults := content.Faults
	transient := 0
	for _, log := range content.Logs {
		transient += log.Volatile
		id, level := queue.QueueOf(log.ID), int(log.ID&0xff)
		h := inv.holders[id]
		switch {
		case h != nil && level < h.levels:
			h.messages += log.Messages
			h.bytes += log.Bytes
		case log.Messages > 0: // transient ones may be of queues that do not last
			faults = append(faults, store.Fault{Text: fmt.Sprintf("log %d: %d messages of queue %d at priority %d, which is unknown",
				log.ID, log.Messages, id, level)})
		}
	}
	inv.print(c.stdout, transient)
	if len(faults) == 0 {
		_, err := fmt.Fprintln(c.stdout, "ok")
		return err
	}
	for _, fault := range faults[:min(len(faults), maxFaults)] {
		where := ""
		if h := inv.holders[queue.QueueOf(fault.Log)]; h != nil {
			where = fmt.Sprintf("%s %q in vhost %q: ", h.kind, h.Name, h.VHost)
		}
		fmt.Fprintf(c.stdout, "fault: %s%s\n", where, fault.Text)
	}
	return fmt.Errorf("data folder %s has faults: %d", dir, len(faults))
}

// print lists the queues and the delayed exchanges in order of their names.
func (inv *inventory) print(w io.Writer, transient int) {
	inv.printKind(w, "queue")
	if slices.ContainsFunc(slices.Collect(maps.Values(inv.holders)), func(h *holder) bool { return h.kind != "queue" }) {
		inv.printKind(w, "delayed exchange")
	}
	if transient > 0 {
		fmt.Fprintf(w, "transient messages, to be dropped at the next start: %d\n", transient)
	}
}

func (inv *inventory) printKind(w io.Writer, kind string) {
	var list []*holder
	messages, bytes := 0, uint64(0)
	for _, h := range inv.holders {
		if h.kind == kind {
			list = append(list, h)
			messages += h.messages
			bytes += h.bytes
		}
	}
	slices.SortFunc(list, func(a, b *holder) int {
		return strings.Compare(a.VHost+"\x00"+a.Name, b.VHost+"\x00"+b.Name)
	})
	for _, h := range list {
		fmt.Fprintf(w, "%s %q in vhost %q: messages %d, bytes %d\n", kind, h.Name, h.VHost, h.messages, h.bytes)
	}
	fmt.Fprintf(w, "%ss %d, messages %d, bytes %d\n", kind, len(list), messages, bytes)
}

// levelsOf is the number of priority levels of a queue with these arguments.
func levelsOf(args amqp.Table, rule queue.QuorumPriority) int {
	kind, _ := args.Get("x-queue-type")
	highest, _ := args.Get("x-max-priority")
	n, _ := amqp.AsInt(highest)
	cfg := queue.Config{MaxPriority: uint8(n), Quorum: kind == "quorum", QuorumPriority: rule}
	return cfg.Levels()
}

// record checks one record of the topology; those that hold messages are kept.
func (inv *inventory) record(key string, value []byte) error {
	kind, names, _ := strings.Cut(key, "\x00")
	var doc holder
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
	case "queue", "delayed":
		h := doc
		if other := inv.holders[h.ID]; other != nil {
			return fmt.Errorf("has the ID %d of %s %q in vhost %q", h.ID, other.kind, other.Name, other.VHost)
		}
		h.kind, h.levels = "delayed exchange", 1
		if kind == "queue" {
			if !h.QuorumPriority.Known() {
				return fmt.Errorf("unknown rule %d for priorities", h.QuorumPriority)
			}
			h.kind, h.levels = kind, levelsOf(args, h.QuorumPriority)
		}
		inv.holders[h.ID] = &h
	case "exchange":
	default:
		return errors.New("of an unknown kind")
	}
	if names != want {
		return errors.New("its key and its value have different names")
	}
	return nil
}
