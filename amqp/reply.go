// Reply codes: why a channel or connection is closed, or a message returned. The
// codes themselves are generated.

package amqp

import "strconv"

// ReplyCode says why, in a close or a return.
type ReplyCode uint16

// String is the code's name as it begins a reply-text, such as NOT_FOUND, or the
// number of an unknown code.
func (c ReplyCode) String() string {
	if name := c.name(); name != "" {
		return name
	}
	return strconv.Itoa(int(c))
}
