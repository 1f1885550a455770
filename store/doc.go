// Package store keeps what must survive: messages, by log and position, and the
// records of a topology, by key. It knows nothing of what they mean.
//
// Writers never wait for the disk. They append operations to one list, in an
// order that is the order of their effects. A single committer takes all that
// is there, has the Engine write and sync it in one transaction, and notifies those that
// wait. Meanwhile the next batch collects. An operation that nobody waits for is kept back a
// little, to be written together with one that somebody waits for. A message that is added and
// consumed within one batch is never written; its publisher is confirmed without a
// sync. Because batches are cut from one list, a crash leaves a prefix of the operations: an
// operation is never there without those appended before it.
//
// The engine that comes with the package uses bbolt. It stores messages in chunks: a run of one
// log's messages is one value, so that a chunk costs what a message would. A bitmap beside the
// chunk says which of its messages have been removed; a chunk is deleted when all of them are.
package store
