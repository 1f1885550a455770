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
// time: what is missing of it is found by reading the segment.
//
// Chunks are written and synced by the store's committer as part of its batch
// (store.Participant), so one sync serves all streams' publishers of a moment, and
// what the store commits never runs ahead of a stream. Consumers are offered what has
// been synced, and nothing else: no offset is ever given to two messages.
//
// Without a store the segments lie in memory, and the oldest go when they take more
// than a limit.
//
// # Reading
//
// The goroutine that gives a consumer credit reads for it, from the disk if need be and with no
// lock held. Consumers that have read everything are served by one goroutine a stream
// that ends when all of them have what there is.
//
// # Concurrency
//
// All methods are safe for concurrent use. A reader's lock comes before the lock of
// its Subscription, and before the stream's; the stream's is a leaf.
package stream
