package stream

import (
	"encoding/binary"
	"strings"

	"github.com/rabbetmq/rabbet/amqp"
)

// A message's properties in a stream. RabbitMQ keeps
// messages there as AMQP 1.0, which cannot express all of them (STREAM-19, STREAM-20).

// appendStored appends properties as a stream keeps them: the delivery mode is 1 if it
// was absent, there is no cluster id, headers whose names begin with x- come first, a
// table or an array survives under such a name or CC alone, and a byte array is a
// string. A published x-stream-offset goes, since deliveries bring their own.
func appendStored(b []byte, props amqp.RawProperties) []byte {
	flags := props.Flags()
	stored := flags&^amqp.HasClusterID | amqp.HasDeliveryMode
	b = binary.BigEndian.AppendUint16(b, uint16(stored))
	at := 2
	for _, flag := range [...]amqp.PropertyFlags{amqp.HasContentType, amqp.HasContentEncoding} {
		if flags&flag != 0 {
			end := at + 1 + int(props[at])
			b = append(b, props[at:end]...)
			at = end
		}
	}
	if flags&amqp.HasHeaders != 0 {
		n := int(binary.BigEndian.Uint32(props[at:]))
		b = appendStoredHeaders(b, amqp.RawTable(props[at+4:at+4+n]))
		at += 4 + n
	}
	if flags&amqp.HasDeliveryMode == 0 {
		b = append(b, 1)
	}
	b = append(b, props[at:]...)
	if flags&amqp.HasClusterID != 0 { // it comes last
		b = b[:len(b)-clusterIDLen(props[at:], flags)]
	}
	return b
}

// clusterIDLen is the length of the cluster id, with that of its own, which ends what
// follows the headers.
func clusterIDLen(rest []byte, flags amqp.PropertyFlags) int {
	at := 0
	for _, flag := range [...]amqp.PropertyFlags{amqp.HasDeliveryMode, amqp.HasPriority} {
		if flags&flag != 0 {
			at++
		}
	}
	for _, flag := range [...]amqp.PropertyFlags{
		amqp.HasCorrelationID, amqp.HasReplyTo, amqp.HasExpiration, amqp.HasMessageID, amqp.HasTimestamp,
		amqp.HasType, amqp.HasUserID, amqp.HasAppID,
	} {
		switch {
		case flags&flag == 0:
		case flag == amqp.HasTimestamp:
			at += 8
		default:
			at += 1 + int(rest[at])
		}
	}
	return len(rest) - at
}

func appendStoredHeaders(b []byte, headers amqp.RawTable) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	for _, annotations := range [...]bool{true, false} {
		headers.Each(func(key []byte, tag byte, value []byte) bool {
			name := string(key) // does not escape
			switch {
			case strings.HasPrefix(name, "x-") != annotations, name == offsetName:
				return true
			case !annotations && (tag == 'F' || tag == 'A') && name != "CC":
				return true
			case tag == 'x':
				tag = 'S'
			}
			b = append(append(append(b, byte(len(key))), key...), tag)
			if tag == 'S' || tag == 'F' || tag == 'A' {
				b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
			}
			b = append(b, value...)
			return true
		})
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}
