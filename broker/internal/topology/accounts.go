package topology

import (
	"encoding/json"

	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/broker/internal/records"
)

// A Journal keeps as records what belongs to no virtual host: users, what they may do,
// and global parameters. Without a store it keeps nothing.
type Journal struct{ Env *Env }

func (j Journal) put(doc records.Document) {
	if j.Env.Store != nil {
		records.Put(j.Env.Store, doc)
	}
}

func (j Journal) unput(doc records.Document) {
	if j.Env.Store != nil {
		records.Delete(j.Env.Store, doc)
	}
}

// PutUser keeps a user.
func (j Journal) PutUser(u access.User) {
	tags := make([]records.Text, len(u.Tags))
	for i, tag := range u.Tags {
		tags[i] = records.Text(tag)
	}
	j.put(&records.User{
		Name: records.Text(u.Name), Hash: records.Text(u.PasswordHash), Hashing: u.Hashing, Tags: tags, Limits: u.Limits,
	})
}

// DeleteUser forgets a user.
func (j Journal) DeleteUser(name string) { j.unput(&records.User{Name: records.Text(name)}) }

// PutPermission keeps a permission.
func (j Journal) PutPermission(p access.Permission) {
	j.put(&records.Permission{
		User: records.Text(p.User), VHost: records.Text(p.VHost),
		Configure: records.Text(p.Configure), Write: records.Text(p.Write), Read: records.Text(p.Read),
	})
}

// DeletePermission forgets a permission.
func (j Journal) DeletePermission(user, vhost string) {
	j.unput(&records.Permission{User: records.Text(user), VHost: records.Text(vhost)})
}

// PutTopicPermission keeps a topic permission.
func (j Journal) PutTopicPermission(p access.TopicPermission) {
	j.put(&records.TopicPermission{
		User: records.Text(p.User), VHost: records.Text(p.VHost), Exchange: records.Text(p.Exchange),
		Write: records.Text(p.Write), Read: records.Text(p.Read),
	})
}

// DeleteTopicPermission forgets a topic permission.
func (j Journal) DeleteTopicPermission(user, vhost, exchange string) {
	j.unput(&records.TopicPermission{User: records.Text(user), VHost: records.Text(vhost), Exchange: records.Text(exchange)})
}

// PutGlobalParameter keeps a global parameter.
func (j Journal) PutGlobalParameter(name string, value json.RawMessage) {
	j.put(&records.GlobalParameter{Name: records.Text(name), Value: value})
}

// DeleteGlobalParameter forgets a global parameter.
func (j Journal) DeleteGlobalParameter(name string) {
	j.unput(&records.GlobalParameter{Name: records.Text(name)})
}
