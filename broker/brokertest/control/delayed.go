package control

import (
	"context"
	"time"

	"github.com/rabbetmq/rabbet/broker/brokertest"
)

// delayedMessage is one that waits in a delayed exchange.
type delayedMessage struct {
	ID  string    `json:"id"`
	Due time.Time `json:"due"`
	message
}

func delayed(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	return delayedIn(v, r.params["exchange"])
}

func delayedIn(v *brokertest.ServerVHost, exchange string) (any, error) {
	waiting, err := v.Delayed(exchange)
	if err != nil {
		return nil, err
	}
	list := []delayedMessage{}
	for _, m := range waiting {
		list = append(list, delayedMessage{m.ID, m.Due, messageOf(&m.Message)})
	}
	return list, nil
}

// waitDelayed waits until so many messages wait in a delayed exchange.
func waitDelayed(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	var want struct {
		Messages *int
		Timeout  duration
	}
	if err := r.read(&want); err != nil {
		return nil, err
	}
	if want.Messages == nil {
		return nil, bad(`say how many, such as {"messages":1}`)
	}
	ctx, cancel := context.WithTimeout(r.Context(), want.Timeout.orDefault())
	defer cancel()
	if err := v.WaitDelayed(ctx, r.params["exchange"], *want.Messages); err != nil {
		return nil, err
	}
	return delayedIn(v, r.params["exchange"])
}

func purgeDelayed(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	if err := r.read(&struct{}{}); err != nil {
		return nil, err
	}
	n, err := v.PurgeDelayed(r.params["exchange"])
	return purged{n}, err
}

func cancelDelayed(r *request) (any, error) {
	v, err := r.vhost()
	if err != nil {
		return nil, err
	}
	found, err := v.CancelDelayed(r.params["exchange"], r.params["id"])
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, missing("no message %q waits in exchange %q", r.params["id"], r.params["exchange"])
	}
	return purged{1}, nil
}
