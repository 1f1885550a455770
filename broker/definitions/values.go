package definitions

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/rabbetmq/rabbet/broker/access"
)

// UnmarshalJSON reads a list, or a text with commas.
func (t *Tags) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*t = nil
		for tag := range strings.SplitSeq(text, ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				*t = append(*t, tag)
			}
		}
		return nil
	}
	var list []string
	if err := json.Unmarshal(data, &list); err != nil {
		return errors.New("tags are a list of texts, or a text with commas")
	}
	*t = nil
	if len(list) > 0 {
		*t = list
	}
	return nil
}

// MarshalJSON writes a list, if need be an empty one.
func (t Tags) MarshalJSON() ([]byte, error) { return marshal(append([]string{}, t...)) }

// UnmarshalJSON reads an object. RabbitMQ writes an empty one as a list, sometimes.
func (a *Arguments) UnmarshalJSON(data []byte) error {
	if *a = nil; string(data) == "{}" || string(data) == "null" {
		return nil
	}
	if data[0] != '{' {
		var list []any
		if json.Unmarshal(data, &list) != nil || len(list) > 0 {
			return errors.New("arguments are an object")
		}
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return errors.New("arguments are an object")
	}
	for key, v := range m {
		number, err := plain(v)
		if err != nil {
			return fmt.Errorf("argument %q: %w", key, err)
		}
		m[key] = number
	}
	if len(m) > 0 {
		*a = m
	}
	return nil
}

// plain makes numbers of the values of a JSON document those that AMQP has.
func plain(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		f, err := v.Float64()
		if err != nil || !strings.ContainsAny(v.String(), ".eE") {
			return nil, fmt.Errorf("%s is too large", v)
		}
		return f, nil
	case []any:
		for i := range v {
			if v[i], err = plain(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range v {
			if v[key], err = plain(v[key]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// MarshalJSON writes an object, if need be an empty one.
func (a Arguments) MarshalJSON() ([]byte, error) {
	if a == nil {
		return []byte("{}"), nil
	}
	return marshal(map[string]any(a))
}

// A vhostJSON is a virtual host as exports have it: RabbitMQ's HTTP API has the fields at
// two places, rabbitmqctl in the metadata alone.
type vhostJSON struct {
	Name             string          `json:"name"`
	Description      *string         `json:"description,omitempty"`
	Tags             Tags            `json:"tags,omitempty"`
	DefaultQueueType string          `json:"default_queue_type,omitempty"`
	Tracing          bool            `json:"tracing,omitempty"`
	Metadata         *metadata       `json:"metadata,omitempty"`
	Limits           json.RawMessage `json:"limits,omitempty"`
}

type metadata struct {
	Description      string `json:"description"`
	Tags             Tags   `json:"tags"`
	DefaultQueueType string `json:"default_queue_type,omitempty"`
}

// UnmarshalJSON reads a virtual host.
func (v *VHost) UnmarshalJSON(data []byte) error {
	var in vhostJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Metadata == nil {
		in.Metadata = &metadata{}
	}
	*v = VHost{
		Name: in.Name, Description: in.Metadata.Description, Tags: in.Tags, Tracing: in.Tracing,
		DefaultQueueType: cmp.Or(in.DefaultQueueType, in.Metadata.DefaultQueueType),
	}
	if in.Description != nil {
		v.Description = *in.Description
	}
	if in.Tags == nil {
		v.Tags = in.Metadata.Tags
	}
	if v.DefaultQueueType == "undefined" {
		v.DefaultQueueType = ""
	}
	var err error
	v.Limits, err = limitsOf(in.Limits)
	return err
}

// MarshalJSON writes a virtual host as RabbitMQ's HTTP API does.
func (v VHost) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Name             string   `json:"name"`
		Description      string   `json:"description"`
		Tags             Tags     `json:"tags"`
		DefaultQueueType string   `json:"default_queue_type,omitempty"`
		Metadata         metadata `json:"metadata"`
	}{v.Name, v.Description, v.Tags, v.DefaultQueueType, metadata{v.Description, v.Tags, v.DefaultQueueType}})
}

// UnmarshalJSON reads a user; its limits may be an empty list.
func (u *User) UnmarshalJSON(data []byte) error {
	type plainUser User
	in := struct {
		plainUser
		Limits        json.RawMessage `json:"limits"`
		Administrator *bool           `json:"administrator"` // instead of tags, in very old ones
	}{}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*u = User(in.plainUser)
	if in.Administrator != nil && *in.Administrator && u.Tags == nil {
		u.Tags = Tags{access.Administrator}
	}
	var err error
	u.Limits, err = limitsOf(in.Limits)
	return err
}

// limitsOf reads limits; nil for none.
func limitsOf(data json.RawMessage) (access.Limits, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var l access.Limits
	if json.Unmarshal(objectOf(data), &l) != nil {
		return nil, errors.New("limits are an object of numbers")
	}
	if len(l) == 0 {
		return nil, nil
	}
	return l, nil
}

// objectOf makes an object of a list of pairs, as rabbitmqctl of RabbitMQ 3 writes
// objects. Anything else is returned as it is.
func objectOf(data json.RawMessage) json.RawMessage {
	var pairs [][]json.RawMessage
	if json.Unmarshal(data, &pairs) != nil {
		return data
	}
	object := make(map[string]json.RawMessage)
	for _, pair := range pairs {
		var key string
		if len(pair) != 2 || json.Unmarshal(pair[0], &key) != nil {
			return data
		}
		object[key] = pair[1]
	}
	text, err := marshal(object)
	if err != nil {
		return data
	}
	return text
}

// UnmarshalJSON reads a parameter. Limits and the definition of an operator policy may be
// lists of pairs.
func (p *Parameter) UnmarshalJSON(data []byte) error {
	type plainParameter Parameter
	var in plainParameter
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	switch in.Component {
	case "vhost-limits":
		in.Value = objectOf(in.Value)
	case "operator_policy":
		var value map[string]json.RawMessage
		if json.Unmarshal(in.Value, &value) == nil && value["definition"] != nil {
			value["definition"] = objectOf(value["definition"])
			if text, err := marshal(value); err == nil {
				in.Value = text
			}
		}
	}
	*p = Parameter(in)
	p.Value = compact(p.Value)
	return nil
}

// UnmarshalJSON reads a global parameter.
func (p *GlobalParameter) UnmarshalJSON(data []byte) error {
	type plainParameter GlobalParameter
	err := json.Unmarshal(data, (*plainParameter)(p))
	p.Value = compact(p.Value)
	return err
}

// compact leaves out blanks.
func compact(data json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, data) != nil {
		return data
	}
	return b.Bytes()
}

// MarshalJSON writes a user with all that RabbitMQ writes.
func (u User) MarshalJSON() ([]byte, error) {
	type plainUser User
	if u.Limits == nil {
		u.Limits = access.Limits{}
	}
	return marshal(plainUser(u))
}

// preset gives what is to be read RabbitMQ's defaults for what is not there.
func (q *Queue) preset() { q.Durable = true }

func (x *Exchange) preset() { x.Durable = true }

// UnmarshalJSON reads a policy, with RabbitMQ's defaults for what is not there.
func (p *Policy) UnmarshalJSON(data []byte) error {
	type plainPolicy Policy
	in := plainPolicy{ApplyTo: "all"}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&in); err != nil {
		return err
	}
	for key, v := range in.Definition {
		number, err := plain(v)
		if err != nil {
			return fmt.Errorf("definition, %q: %w", key, err)
		}
		in.Definition[key] = number
	}
	*p = Policy(in)
	return nil
}

func (b *Binding) preset() { b.DestinationType = "queue" }

// marshal writes JSON that leaves <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
