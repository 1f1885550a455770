// Package stream holds the log behind a stream (`x-queue-type: stream`): messages are
// appended, numbered from 0, and stay until age or size removes them; any number of
// consumers read them, each from a position of its own (STREAM-1 to STREAM-41).
//
// A Stream is a queue.Queue: what is published is appended, consumers are offered
// messages in order of their offsets, acknowledgements give credit and settle nothing.
//
// # On disk
//
// A stream is a folder of segments. A segment is a file of chunks, named after the
// offset of its first message; a chunk is what came between two commits, cut into
// pieces of about 64 KiB, with a checksum, its time and a Bloom filter of the
// messages' filter values. Beside each segment lies a sparse index, which only saves
// time: if part of it is missing, reading the segment finds the same.
//
// Chunks are written and synced by the store's committer as part of its batch
// (store.Participant). So one sync serves the publishers of all streams, and
// the store never commits ahead of a stream. Consumers are offered only what has
// been synced: no offset is ever given to two messages.
//
// Without a store the segments are in memory, and the oldest are removed when they take more
// than a limit.
//
// # Reading
//
// The goroutine that gives a consumer credit reads for it, from the disk if necessary, with no
// lock held. One goroutine for each stream serves the consumers that have read everything;
// it ends when all of them have what there is.
//
// # Concurrency
//
// All methods are safe for concurrent use. A reader's lock comes before the lock of
// its Subscription, and before the stream's. No other lock is taken under the stream's.
package stream
