package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"

	bolt "go.etcd.io/bbolt"
)

// Every value of the database begins with the CRC-32C of its bucket's name, its key
// and what follows, so that neither a key nor a value can change, or move to another
// place, without being noticed. The format's version alone has none: older programs
// read it. What is missing altogether is noticed by the totals.

const sumLen = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func crcOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

func sumOf(bucket, key, payload []byte) uint32 {
	s := crc32.Update(0, castagnoli, bucket)
	s = crc32.Update(s, castagnoli, key)
	return crc32.Update(s, castagnoli, payload)
}

// appendSealed appends a value: the sum and the payload.
func appendSealed(b, bucket, key, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, sumOf(bucket, key, payload))
	return append(b, payload...)
}

func sealed(bucket, key, payload []byte) []byte {
	return appendSealed(make([]byte, 0, sumLen+len(payload)), bucket, key, payload)
}

// unseal returns the payload of a value, or reports that its sum is wrong.
func unseal(bucket, key, value []byte) (payload []byte, ok bool) {
	if len(value) < sumLen || binary.BigEndian.Uint32(value) != sumOf(bucket, key, value[sumLen:]) {
		return nil, false
	}
	return value[sumLen:], true
}

// A total is how many keys a bucket has, and sums over them and over the sums of their
// values, in which the order does not count.
type total struct{ keys, keySum, valueSum uint64 }

func (t *total) add(key, value []byte) {
	k, v := keyHash(key, value)
	t.keys++
	t.keySum += k
	t.valueSum += v
}

func (t *total) remove(key, value []byte) {
	k, v := keyHash(key, value)
	t.keys--
	t.keySum -= k
	t.valueSum -= v
}

// keyHash is a hash of a key, and one of it with the sum of its value.
func keyHash(key, value []byte) (k, v uint64) {
	h := fnv.New64a()
	h.Write(key)
	k = h.Sum64()
	h.Write(value[:min(len(value), sumLen)])
	return k, h.Sum64()
}

// totals are those of the buckets, in the order of the list of buckets. Each commit
// writes what they are after it.
type totals [5]total

const totalsLen = len(totals{}) * 3 * 8

func (t *totals) of(bucket []byte) *total {
	for i, name := range buckets {
		if string(name) == string(bucket) {
			return &t[i]
		}
	}
	panic("no such bucket") // the callers' names are constants
}

func (t *totals) put(tx *bolt.Tx) error {
	b := make([]byte, 0, totalsLen)
	for _, n := range t {
		b = binary.BigEndian.AppendUint64(b, n.keys)
		b = binary.BigEndian.AppendUint64(b, n.keySum)
		b = binary.BigEndian.AppendUint64(b, n.valueSum)
	}
	return tx.Bucket(bucketTotals).Put(keyTotals, sealed(bucketTotals, keyTotals, b))
}

func readTotals(value []byte) (t totals, err error) {
	b, ok := unseal(bucketTotals, keyTotals, value)
	if !ok || len(b) != totalsLen {
		return t, fmt.Errorf("%w: the totals make no sense", ErrDamaged)
	}
	for i := range t {
		t[i] = total{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}
		b = b[24:]
	}
	return t, nil
}

// countAll finds the totals of what a database holds.
func countAll(tx *bolt.Tx) (t totals, err error) {
	for i, name := range buckets {
		b := tx.Bucket(name)
		if b == nil {
			continue
		}
		err = b.ForEach(func(k, v []byte) error {
			t[i].add(k, v)
			return nil
		})
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

// apply makes one change in a transaction and counts it. A nil value deletes.
func (t *totals) apply(tx *bolt.Tx, w write) error {
	b, n := tx.Bucket(w.bucket), t.of(w.bucket)
	if old := b.Get(w.key); old != nil {
		n.remove(w.key, old)
	}
	if w.value == nil {
		return b.Delete(w.key)
	}
	n.add(w.key, w.value)
	return b.Put(w.key, w.value)
}
