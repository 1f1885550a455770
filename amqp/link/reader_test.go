package link_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/amqp/link"
)

// readAll returns the frames of a stream, and what ends it.
func readAll(src io.Reader, buffer int) (frames [][]byte, err error) {
	r := link.NewReader(src, buffer)
	for {
		f, err := r.Next()
		if err != nil {
			return frames, err
		}
		frames = append(frames, bytes.Clone(f.Whole))
	}
}

// However reads cut the stream, the same frames come out of it, in one buffer of any size.
func TestReaderReadsAnySplit(t *testing.T) {
	var in []byte
	for i, size := range []int{0, 1, 4088, 5000, 100_000, link.MaxFrame - amqp.FrameOverhead, 3} {
		in = amqp.AppendFrame(in, amqp.FrameBody, uint16(i), make([]byte, size))
		in = amqp.AppendHeartbeat(in)
	}
	for _, buffer := range []int{0, 5000, 1 << 30} {
		for name, src := range map[string]io.Reader{
			"whole": bytes.NewReader(in), "halves": iotest.HalfReader(bytes.NewReader(in)), "with its end": iotest.DataErrReader(bytes.NewReader(in)),
			"bytes": iotest.OneByteReader(bytes.NewReader(in)),
		} {
			frames, err := readAll(src, buffer)
			require.ErrorIs(t, err, io.EOF, name)
			require.Len(t, frames, 14, name)
			require.Equal(t, in, slices.Concat(frames...), name)
		}
	}
}

func TestReaderRefusesGarbage(t *testing.T) {
	for want, in := range map[string][]byte{
		"does not speak AMQP 0-9-1":   []byte("AMQP\x00\x01\x00\x00"),
		"malformed frame":             {amqp.FrameMethod, 0, 1, 0, 0, 0, 4, 0, 60, 0, 60, 0},
		"a malformed frame":           {amqp.FrameMethod, 0, 1, 0, 0, 0, 3, 0, 60, 0, amqp.FrameEnd},
		"sent a malformed frame":      {amqp.FrameHeader, 0, 1, 0, 0, 0, 2, 0, 60, amqp.FrameEnd},
		"a frame of 4294967303 bytes": {amqp.FrameMethod, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF},
		"a frame of 131073 bytes":     {amqp.FrameBody, 0, 1, 0, 1, 0xFF, 0xF9},
	} {
		_, err := readAll(bytes.NewReader(in), 0)
		assert.ErrorContains(t, err, want)
	}
	_, err := readAll(iotest.ErrReader(io.ErrClosedPipe), 0)
	assert.ErrorIs(t, err, io.ErrClosedPipe)
}

// A caller that skips what it does not need has all the rest.
func TestReaderSkips(t *testing.T) {
	in := amqp.AppendFrame(nil, amqp.FrameBody, 1, []byte("abc"))
	r := link.NewReader(bytes.NewReader(amqp.AppendHeartbeat(in)), 0)
	require.NoError(t, r.Fill())
	assert.Equal(t, in, r.Unread()[:len(in)])
	r.Skip(len(in))
	f, err := r.Next()
	require.NoError(t, err)
	assert.EqualValues(t, amqp.FrameHeartbeat, f.Kind)
}

// FuzzReader looks for a stream that is read otherwise in pieces, or of which a byte is
// lost or made up.
func FuzzReader(f *testing.F) {
	deliver := amqp.AppendMethod(nil, 1, &amqp.BasicDeliver{ConsumerTag: "c", DeliveryTag: 1, Exchange: "x", RoutingKey: "k"})
	deliver = amqp.AppendHeader(deliver, 1, 60, 3, []byte{0, 0})
	deliver = amqp.AppendBody(deliver, 1, []byte("abc"), 0)
	f.Add(deliver)
	f.Add(amqp.AppendHeartbeat(deliver)[:len(deliver)+3])
	f.Add([]byte(amqp.ProtocolHeader))
	f.Add([]byte{amqp.FrameMethod, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, in []byte) {
		frames, err := readAll(bytes.NewReader(in), 0)
		pieces, again := readAll(iotest.OneByteReader(bytes.NewReader(in)), 0)
		if err.Error() != again.Error() || !slices.EqualFunc(frames, pieces, bytes.Equal) {
			t.Fatalf("%v, in pieces %v", err, again)
		}
		read := slices.Concat(frames...)
		if !bytes.HasPrefix(in, read) || errors.Is(err, io.EOF) && len(read) != len(in) {
			t.Fatalf("%d bytes of %d", len(read), len(in))
		}
		for _, whole := range frames {
			f := link.Frame{Kind: whole[0], Whole: whole}
			if f.Kind == amqp.FrameMethod {
				_, _ = f.Method(), f.Args()
			}
		}
	})
}
