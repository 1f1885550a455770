// rabbet store: looks after a data folder while no broker has it. check says
// what is in it and whether it is sound, stat where its bytes are, compact gives its free
// space back.

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/store"
)

// maxFaults is the number of faults that a check prints.
const maxFaults = 100

func storeCompact(c console, dir string) error {
	before, after, err := store.Compact(dir)
	if err != nil {
		return storeError("compact", dir, err)
	}
	_, err = fmt.Fprintf(c.stdout, "%d bytes before, %d after\n", before, after)
	return err
}

func storeStat(c console, dir string) error {
	st, err := store.StatFolder(dir)
	if err != nil {
		return storeError("look into", dir, err)
	}
	out := c.stdout
	fmt.Fprintf(out, "%s: bytes %d, free %d\n", store.FileName, st.FileBytes, st.FreeBytes)
	for _, k := range st.Kinds {
		fmt.Fprintf(out, "  %s: keys %d, bytes %d\n", k.Name, k.Keys, k.Bytes)
	}
	var sum store.SegmentStat
	for _, s := range st.Segments {
		sum.Bytes += s.Bytes
		sum.Allocated += s.Allocated
		sum.Bodies += s.Bodies
		sum.LiveBytes += s.LiveBytes
	}
	fmt.Fprintf(out, "%s: segments %d, bytes %d, on disk %d, bodies %d, in use %d\n",
		store.SegmentFolder, len(st.Segments), sum.Bytes, sum.Allocated, sum.Bodies, sum.LiveBytes)
	for _, s := range st.Segments {
		fmt.Fprintf(out, "  %s: bytes %d, on disk %d, bodies %d, in use %d\n", s.Name, s.Bytes, s.Allocated, s.Bodies, s.LiveBytes)
	}
	_, err = fmt.Fprintf(out, "other files: %d, bytes %d\n", st.OtherFiles, st.OtherBytes)
	return err
}

// storeError says in a line why a folder cannot be handled.
func storeError(verb, dir string, err error) error {
	if errors.Is(err, store.ErrLocked) {
		return fmt.Errorf("cannot %s data folder %s: another process has it", verb, dir)
	}
	return fmt.Errorf("cannot %s data folder %s: %w", verb, dir, err)
}

func storeCheck(c console, dir string) error {
	found, err := broker.CheckStore(dir)
	if err != nil {
		return storeError("check", dir, err)
	}
	printStored(c.stdout, "queue", found.Queues)
	if len(found.DelayedExchanges) > 0 {
		printStored(c.stdout, "delayed exchange", found.DelayedExchanges)
	}
	if found.Transient > 0 {
		fmt.Fprintf(c.stdout, "transient messages, to be dropped at the next start: %d\n", found.Transient)
	}
	if len(found.Faults) == 0 {
		_, err := fmt.Fprintln(c.stdout, "ok")
		return err
	}
	for _, fault := range found.Faults[:min(len(found.Faults), maxFaults)] {
		fmt.Fprintf(c.stdout, "fault: %s\n", fault)
	}
	return fmt.Errorf("data folder %s has faults: %d", dir, len(found.Faults))
}

// printStored lists those of a kind that hold messages, and their sum.
func printStored(w io.Writer, kind string, list []broker.StoredMessages) {
	messages, bytes := 0, uint64(0)
	for _, h := range list {
		fmt.Fprintf(w, "%s %q in vhost %q: messages %d, bytes %d\n", kind, h.Name, h.VHost, h.Messages, h.Bytes)
		messages += h.Messages
		bytes += h.Bytes
	}
	fmt.Fprintf(w, "%ss %d, messages %d, bytes %d\n", kind, len(list), messages, bytes)
}
