package records

import (
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
	return json.Unmarshal(data, (*string)(t))
}
