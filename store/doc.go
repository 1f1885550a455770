// Package store keeps what must survive: messages, by log and position, and the
// records of a topology, by key. It knows nothing of what they mean.
//
// Writers never wait for the disk. They append operations to one list, in an
// order that is the order of their effects; a single committer takes all that
// is there, writes it in one transaction of bbolt, syncs, and tells those who
// wait. While it syncs, the next batch collects. What nobody waits for lingers a
// little, to go with what somebody waits for. A message that is added and
// consumed within one batch is never written; its publisher is confirmed without a
// sync. Because batches are cut from one list, a crash leaves a prefix of the operations: an operation is
// never there without those appended before it.
//
// Messages are stored in chunks, a run of one log's messages in one value, so
// that a chunk costs what a message would. What has been removed of a chunk is
// a bitmap beside it; a chunk of which all is removed is deleted.
package store
