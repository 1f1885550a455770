package announce

import (
	"maps"
	"slices"

	"github.com/rabbetmq/rabbet/amqp"
	"github.com/rabbetmq/rabbet/broker/access"
)

// User tells what has become of a user that was as before, if it was there.
func (a *Announcer) User(before access.User, existed bool, now access.User) {
	if !a.wanted.Wanted() {
		return
	}
	if !existed {
		a.TellOf("user.created", "name", now.Name)
	}
	switch {
	case existed && now.PasswordHash == "" && before.PasswordHash != "":
		a.TellOf("user.password.cleared", "name", now.Name)
	case existed && now.PasswordHash != before.PasswordHash:
		a.TellOf("user.password.changed", "name", now.Name)
	}
	tags := make(amqp.Array, len(now.Tags))
	for i, tag := range now.Tags {
		tags[i] = tag
	}
	if !slices.Equal(before.Tags, now.Tags) {
		a.TellOf("user.tags.set", "name", now.Name, "tags", tags)
	}
}

// UserLimits tells what a user's limits are now, if they were others before.
func (a *Announcer) UserLimits(user string, before, now access.Limits) {
	if maps.Equal(before, now) {
		return
	}
	if len(now) == 0 {
		a.TellOf("user.limits.cleared", "name", "limits", "username", user)
		return
	}
	fields := []any{"name", "limits", "username", user}
	for name, n := range now {
		fields = append(fields, name, int64(n))
	}
	a.TellOf("user.limits.set", fields...)
}

// Alarm tells that the alarm of a resource, memory or disk, is set or cleared.
func (a *Announcer) Alarm(resource string, on bool) {
	key := "alarm.set"
	if !on {
		key = "alarm.cleared"
	}
	a.tell(key, func() amqp.Table {
		return amqp.Table{{Key: "source", Value: resource}, {Key: "node", Value: a.node}}
	})
}
