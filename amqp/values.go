// Field values: which Go type stands for which type on the wire (TYPES-1), and
// what that type is called in error texts.

package amqp

// A field's value has one of these Go types, and on the wire this tag:
//
//	bool      t     int8   b    uint8  B    float32   f    Decimal   D
//	string    S     int16  s    uint16 u    float64   d    Timestamp T
//	[]byte    x     int32  I    uint32 i    Array     A    Table     F
//	nil       V     int64  l
//
// The tag L is read as l. All other tags are unknown to RabbitMQ (TYPES-2).

// Array is a sequence of values.
type Array []any

// Timestamp is a time in seconds since 1970.
type Timestamp uint64

// Decimal is Value divided by ten to the power of Scale.
type Decimal struct {
	Scale uint8
	Value uint32
}

const (
	variable = -1 // four octets of length, then as many bytes
	unknown  = -2
)

// sizes is how many bytes follow each tag.
var sizes = func() (s [256]int8) {
	for i := range s {
		s[i] = unknown
	}
	for _, tag := range "SxAF" {
		s[tag] = variable
	}
	for _, tag := range "tbB" {
		s[tag] = 1
	}
	s['s'], s['u'] = 2, 2
	s['I'], s['i'], s['f'] = 4, 4, 4
	s['D'] = 5
	for _, tag := range "lLdT" {
		s[tag] = 8
	}
	s['V'] = 0
	return s
}()

// TypeName is what RabbitMQ calls the type of a value in its error texts
// (TYPES-3). It is empty for a value that has no type on the wire.
func TypeName(v any) string {
	switch v.(type) {
	case bool:
		return "bool"
	case int8:
		return "byte"
	case uint8:
		return "unsignedbyte"
	case int16:
		return "short"
	case uint16:
		return "unsignedshort"
	case int32:
		return "signedint"
	case uint32:
		return "unsignedint"
	case int64:
		return "long"
	case float32:
		return "float"
	case float64:
		return "double"
	case Decimal:
		return "decimal"
	case string:
		return "longstr"
	case []byte:
		return "binary"
	case Array:
		return "array"
	case Timestamp:
		return "timestamp"
	case Table:
		return "table"
	case nil:
		return "void"
	}
	return ""
}

// AsInt is the value of an integer of any type on the wire (TYPES-7); false for
// all other values, timestamps among them.
func AsInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int8:
		return int64(v), true
	case uint8:
		return int64(v), true
	case int16:
		return int64(v), true
	case uint16:
		return int64(v), true
	case int32:
		return int64(v), true
	case uint32:
		return int64(v), true
	case int64:
		return v, true
	}
	return 0, false
}
