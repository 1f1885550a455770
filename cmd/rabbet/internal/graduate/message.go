package graduate

import (
	"fmt"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/export"
)

// Headers that a copied message gets.
const (
	// SeqHeader is the number of the message in its queue, by which a duplicate is known.
	SeqHeader = "x-rabbet-graduate-seq"
	// ExchangeHeader is where the message was published, ExpirationHeader what its expiration
	// was, and UserHeader its user_id where that cannot be kept.
	ExchangeHeader   = "x-rabbet-graduate-exchange"
	ExpirationHeader = "x-rabbet-graduate-expiration"
	UserHeader       = "x-rabbet-graduate-user-id"
	// CCHeader and BCCHeader are the headers CC and BCC of a message that was in a queue: its
	// copies are where they led.
	CCHeader  = "x-rabbet-graduate-cc"
	BCCHeader = "x-rabbet-graduate-bcc"
)

// Hazards count messages that cannot be copied as they are.
type Hazards struct {
	// CC and BCC would have a message routed again by the one who publishes it as it is: they
	// are moved to headers. A delayed message has not been routed and keeps them.
	CC int `json:"cc"`
	// UserID is another user than that of the connection.
	UserID int `json:"user_id"`
	// XDeath is a history that RabbitMQ ignores from 4.0 on.
	XDeath int `json:"x_death"`
	// TooLarge is over the target's largest message: it stays.
	TooLarge int `json:"too_large"`
	// Expiration is set to what is left of the time to live.
	Expiration int `json:"expiration"`
	// Expired was due before it could be copied: it stays, and expires here.
	Expired int `json:"expired"`
	// Returned has been delivered before; the count of it begins anew.
	Returned int `json:"returned"`
}

func (h *Hazards) add(o Hazards) {
	h.CC += o.CC
	h.UserID += o.UserID
	h.XDeath += o.XDeath
	h.TooLarge += o.TooLarge
	h.Expiration += o.Expiration
	h.Expired += o.Expired
	h.Returned += o.Returned
}

// A preparer makes messages ready for a target.
type preparer struct {
	user       string // of the connection
	keepUser   bool   // it is an impersonator
	moveUser   bool   // a foreign user_id goes to a header
	maxMessage int64
}

// look reports what is special about a message at a time.
func (p *preparer) look(m *export.Message, now time.Time) (h Hazards, err error) {
	var props amqp.Properties
	if err := props.Decode(m.Properties); err != nil {
		return h, err
	}
	return p.hazards(m, &props, now), nil
}

func (p *preparer) hazards(m *export.Message, props *amqp.Properties, now time.Time) (h Hazards) {
	one := func(is bool, n *int) {
		if is {
			*n = 1
		}
	}
	_, cc := props.Headers.Get("CC")
	_, bcc := props.Headers.Get("BCC")
	_, death := props.Headers.Get("x-death")
	one((cc || bcc) && m.Due == 0, &h.CC)
	one(death, &h.XDeath)
	one(props.Flags&amqp.HasUserID != 0 && props.UserID != p.user, &h.UserID)
	one(p.maxMessage > 0 && int64(len(m.Body)) > p.maxMessage, &h.TooLarge)
	one(m.Expires != 0, &h.Expiration)
	one(m.Expires != 0 && m.Expires <= now.UnixMilli(), &h.Expired)
	one(m.Deliveries > 0, &h.Returned)
	return h
}

// prepare returns the properties with which a message is published, with what is special
// about it. A message that is too large or expired has none.
func (p *preparer) prepare(m *export.Message, seq uint64, now time.Time) ([]byte, Hazards, error) {
	var props amqp.Properties
	if err := props.Decode(m.Properties); err != nil {
		return nil, Hazards{}, err
	}
	h := p.hazards(m, &props, now)
	if h.TooLarge > 0 || h.Expired > 0 {
		return nil, h, nil
	}
	headers := make(amqp.Table, 0, len(props.Headers)+4)
	for _, f := range props.Headers {
		switch f.Key {
		case "x-delivery-count", "x-acquired-count", SeqHeader, ExchangeHeader, ExpirationHeader, UserHeader:
			continue
		case "CC":
			f.Key = movedKey(f.Key, CCHeader, m)
		case "BCC":
			f.Key = movedKey(f.Key, BCCHeader, m)
		case CCHeader, BCCHeader: // of an earlier move, unless it is to be had anew
			if h.CC > 0 {
				continue
			}
		}
		headers = append(headers, f)
	}
	headers = append(headers, amqp.Field{Key: SeqHeader, Value: int64(seq)})
	if m.Exchange != "" {
		headers = append(headers, amqp.Field{Key: ExchangeHeader, Value: m.Exchange})
	}
	if h.Expiration > 0 {
		if props.Flags&amqp.HasExpiration != 0 {
			headers = append(headers, amqp.Field{Key: ExpirationHeader, Value: props.Expiration})
		}
		props.Expiration = strconv.FormatInt(m.Expires-now.UnixMilli(), 10)
		props.Flags |= amqp.HasExpiration
	}
	if h.UserID > 0 && !p.keepUser {
		if !p.moveUser {
			return nil, h, fmt.Errorf("its user_id is %q, and %q is no impersonator", props.UserID, p.user)
		}
		headers = append(headers, amqp.Field{Key: UserHeader, Value: props.UserID})
		props.UserID = ""
		props.Flags &^= amqp.HasUserID
	}
	props.Headers = headers
	props.Flags |= amqp.HasHeaders
	return props.Append(nil), h, nil
}

// movedKey is the header that the target gets of one by which it would route: a delayed
// message is routed there for the first time.
func movedKey(key, moved string, m *export.Message) string {
	if m.Due != 0 {
		return key
	}
	return moved
}

// keyOf is what a message is known by. What a delivery adds is no part of the fingerprint.
func keyOf(m *export.Message) messageKey {
	id, err := strconv.ParseUint(m.ID, 10, 64)
	if err != nil {
		id = xxhash.Sum64String(m.ID)
	}
	d := xxhash.New()
	_, _ = d.WriteString(m.Exchange + "\x00" + m.Key + "\x00") // It does not fail.
	var props amqp.Properties
	if props.Decode(m.Properties) == nil && m.Deliveries > 0 {
		kept := props.Headers[:0:0]
		for _, f := range props.Headers {
			if f.Key != "x-delivery-count" && f.Key != "x-acquired-count" {
				kept = append(kept, f)
			}
		}
		props.Headers = kept
		if len(kept) == 0 {
			props.Flags &^= amqp.HasHeaders
		}
		_, _ = d.Write(props.Append(nil))
	} else {
		_, _ = d.Write(m.Properties)
	}
	_, _ = d.Write(m.Body)
	return messageKey{id, d.Sum64()}
}
