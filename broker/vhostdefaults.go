package broker

import "github.com/rabbetmq/rabbet/broker/access"

// VHostDefaults are what a new virtual host gets, as RabbitMQ's default_queue_type,
// default_limits, default_policies and default_users have it.
type VHostDefaults struct {
	// QueueType is VHostSettings.DefaultQueueType where that is empty.
	QueueType        string
	Limits           access.Limits
	OperatorPolicies []Policy
	Users            []VHostUser
}

// A VHostUser is a user who may enter a new virtual host, and is made if there is none of
// that name. Without a password he cannot log in.
type VHostUser struct {
	Name, Password         string
	Tags                   []string
	Configure, Write, Read string
}
