// Methods: what all of them have in common. The methods themselves are generated.

package amqp

import (
	"errors"
	"fmt"
)

// Method is the arguments of a method, such as *BasicPublish.
type Method interface {
	// ID is the class and method that these are the arguments of.
	ID() MethodID
	// Append appends the arguments. Strings that are too long for their type are
	// cut, so that what is appended can always be decoded.
	Append(b []byte) []byte
	// Decode reads the arguments, which must be there in full and be all that
	// there is. Its error is [ErrSyntax], [ErrTable] or [ErrUTF8], and leaves
	// the fields in no particular state. A short string that is the same as the
	// field's old value is not allocated anew, so that a method used again for a
	// repetitive stream costs nothing.
	Decode(args []byte) error
}

// What can be wrong with the arguments of a method, in order of precedence: RabbitMQ
// looks at the shape of all arguments before it looks into any of them.
var (
	// ErrSyntax is for arguments that end early or go on too long (CONN-45).
	ErrSyntax = errors.New("amqp: arguments truncated or followed by more bytes")
	// ErrTable is for a field table with an unknown type tag, with a length that
	// exceeds the table, or with a floating-point value that is no number
	// (CONN-46, TYPES-8).
	ErrTable = errors.New("amqp: malformed field table")
	// ErrUTF8 is for a short string that is not valid UTF-8 (CONN-47). Methods that
	// carry a content are exempt: RabbitMQ takes any routing key.
	ErrUTF8 = errors.New("amqp: malformed UTF-8 in short string")
)

// MethodID identifies a method: its class in the upper 16 bits, its own number
// in the lower, as on the wire.
type MethodID uint32

// Class is the class's number, such as 60 for basic.
func (id MethodID) Class() uint16 { return uint16(id >> 16) }

// Method is the method's number within its class.
func (id MethodID) Method() uint16 { return uint16(id) }

// String is the method's name, such as basic.publish, or the numbers of an
// unknown one.
func (id MethodID) String() string {
	if name := id.name(); name != "" {
		return name
	}
	return fmt.Sprintf("method %d/%d", id.Class(), id.Method())
}
