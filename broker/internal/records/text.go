package records

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// A Text is a name or another string in a document. In JSON it is a string, or, unless it
// is UTF-8, an object with its bytes: JSON's strings would not give them back.
type Text string

// rawText is a Text that is not UTF-8.
type rawText struct{ Bytes []byte }

// MarshalJSON writes the text.
func (t Text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(rawText{[]byte(t)})
}

// UnmarshalJSON reads what MarshalJSON has written.
func (t *Text) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var raw rawText
		err := decode(data, &raw)
		*t = Text(raw.Bytes)
		return err
	}
	if n := len(data); n >= 2 && data[0] == '"' && bytes.IndexByte(data, '\\') < 0 && utf8.Valid(data) {
		*t = Text(data[1 : n-1]) // a string as it is, which nearly all are
		return nil
	}
	return json.Unmarshal(data, (*string)(t))
}
