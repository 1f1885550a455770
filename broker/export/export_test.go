package export_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/broker/export"
)

func TestMessagesComeBackAsTheyWere(t *testing.T) {
	list := []export.Message{
		{ID: "7", Expires: 1, Due: -2, Deliveries: 3, Exchange: "x", Key: "k", Properties: []byte{0, 0}, Body: []byte("body")},
		{Properties: []byte{}, Body: []byte{}},
		{ID: "8", Key: "a long body", Properties: []byte("p"), Body: bytes.Repeat([]byte("b"), 3<<20)},
	}
	var b []byte
	for i := range list {
		b = export.Append(b, &list[i])
	}
	r := bytes.NewReader(b)
	for i := range list {
		m, err := export.Read(r)
		require.NoError(t, err)
		assert.Equal(t, list[i], m)
	}
	_, err := export.Read(r)
	assert.ErrorIs(t, err, io.EOF)
	for _, bad := range [][]byte{b[:2], b[:20], {0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff}} {
		_, err := export.Read(bytes.NewReader(bad))
		assert.ErrorIs(t, err, export.ErrMalformed)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(export.Append(nil, &export.Message{ID: "7", Exchange: "x", Key: "k", Properties: []byte{0, 0}, Body: []byte("body")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		var again []byte
		for {
			m, err := export.Read(r)
			if err != nil {
				break
			}
			again = export.Append(again, &m)
		}
		assert.True(t, bytes.HasPrefix(data, again), "what is read is written as it was")
	})
}
