// How Erlang hashes and how it draws pseudo-random numbers, as far as it decides in
// which bucket RabbitMQ puts a message (CHASH-8).

package exchange

import "encoding/binary"

// goldenRatio starts each hash: Bob Jenkins' constant.
const goldenRatio uint32 = 0x9e3779b9

// The hashes of Erlang's atoms that a header or a missing value becomes.
const (
	hashUndefined = 45914356
	hashTrue      = 506293
	hashFalse     = 7111573
)

// phash2 is Erlang's phash2 of a binary: Bob Jenkins' hash of 1996 in 27 bits.
func phash2[T ~string | ~[]byte](s T) uint32 {
	hash := uint32(13)
	hash *= goldenRatio
	if len(s) > 0 {
		hash = jenkins(s, hash)
	}
	return hash & (1<<27 - 1)
}

// jenkins is the hash over three words of 32 bits at a time, started from c.
func jenkins[T ~string | ~[]byte](s T, c uint32) uint32 {
	a, b, n := goldenRatio, goldenRatio, uint32(len(s))
	for len(s) >= 12 {
		a, b, c = a+word(s), b+word(s[4:]), c+word(s[8:])
		a, b, c = mix(a, b, c)
		s = s[12:]
	}
	var tail [12]byte
	copy(tail[:8], s)
	if len(s) > 8 { // the lowest byte of c is the length's
		copy(tail[9:], s[8:])
	}
	a += binary.LittleEndian.Uint32(tail[:])
	b += binary.LittleEndian.Uint32(tail[4:])
	c += binary.LittleEndian.Uint32(tail[8:]) + n
	_, _, c = mix(a, b, c)
	return c
}

func word[T ~string | ~[]byte](s T) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func mix(a, b, c uint32) (uint32, uint32, uint32) {
	a = (a - b - c) ^ c>>13
	b = (b - c - a) ^ a<<8
	c = (c - a - b) ^ b>>13
	a = (a - b - c) ^ c>>12
	b = (b - c - a) ^ a<<16
	c = (c - a - b) ^ b>>5
	a = (a - b - c) ^ c>>3
	b = (b - c - a) ^ a<<10
	c = (c - a - b) ^ b>>15
	return a, b, c
}

// exs1024 is the generator xorshift1024* with the seed {k, k, k}.
type exs1024 struct {
	words [16]uint64
	at    int
}

func (g *exs1024) seed(k uint64) {
	const mask = 1<<21 - 1
	x := (k&mask + 1) * 2097131 & mask << 43
	x |= (k&mask + 1) * 2097133 & mask << 22
	x |= (k&mask+1)*2097143&mask<<1 | 1
	for i := len(g.words) - 1; i >= 0; i-- {
		x ^= x >> 12
		x ^= x << 25
		x ^= x >> 27
		g.words[i] = x * 2685821657736338717
	}
	g.at = 0
}

func (g *exs1024) next() uint64 {
	s0 := g.words[g.at]
	g.at = (g.at + 1) & 15
	s1 := g.words[g.at]
	s1 ^= s1 << 31
	s1 ^= s1 >> 11
	s1 ^= s0 ^ s0>>30
	g.words[g.at] = s1
	return s1 * 1181783497276652981
}

// jumpHash is the bucket of n, at least 1, that a key falls into: a jump consistent
// hash with numbers of exs1024.
func jumpHash(k uint64, n int64) int64 {
	if n == 1 {
		return 0
	}
	var g exs1024
	g.seed(k)
	b, j := int64(0), int64(0)
	for j < n {
		b = j
		next := float64(b+1) / (float64(g.next()) / (1 << 64))
		if next >= float64(n) {
			break
		}
		j = int64(next)
	}
	return b
}
