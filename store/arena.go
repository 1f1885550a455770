package store

// The memory behind what a batch writes.

const (
	// arenaBlock is the size of a block: some chunks, and their keys.
	arenaBlock = 256 << 10
	// keepBlocks is the number of blocks that are kept from batch to batch.
	keepBlocks = 16
)

// An arena lends memory until its reset takes all of it back, so that batch after
// batch is encoded without work for the garbage collector. The zero value is
// empty.
type arena struct {
	blocks [][]byte // as far as they are used
	at     int      // the one that is being filled; those behind it are empty
}

// room lends an empty slice to which n bytes can be appended. It is void with the
// next call, unless it is kept.
func (a *arena) room(n int) []byte {
	for ; a.at < len(a.blocks); a.at++ {
		if b := a.blocks[a.at]; cap(b)-len(b) >= n {
			return b[len(b):]
		}
	}
	a.blocks = append(a.blocks, make([]byte, 0, max(n, arenaBlock)))
	return a.blocks[a.at]
}

// keep keeps what was appended to the room lent last.
func (a *arena) keep(b []byte) []byte {
	block := &a.blocks[a.at]
	*block = (*block)[:len(*block)+len(b)]
	return b[:len(b):len(b)]
}

// sealed is a value with its sum.
func (a *arena) sealed(bucket, key, payload []byte) []byte {
	return a.keep(appendSealed(a.room(sumLen+len(payload)), bucket, key, payload))
}

// key is a chunk's key.
func (a *arena) key(id LogID, first uint64) []byte {
	return a.keep(chunkKey(a.room(chunkKeyLen), id, first))
}

// reset takes everything back. Blocks made for something large are given up.
func (a *arena) reset() {
	kept := a.blocks[:0]
	for _, b := range a.blocks {
		if cap(b) == arenaBlock && len(kept) < keepBlocks {
			kept = append(kept, b[:0])
		}
	}
	clear(a.blocks[len(kept):])
	a.blocks, a.at = kept, 0
}
