package main

import (
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// default_users, default_limits and default_policies are for new virtual hosts: what
// changes later stays changed.
func TestSeed(t *testing.T) {
	path := write(t, "x.conf", `
default_users.anna.password = s3cret
default_users.anna.vhost_pattern = ^(?!other)
default_users.anna.configure = ^a
default_users.ben.password = s3cret
default_users.ben.vhost_pattern = ^other$
default_limits.vhosts.1.pattern = .*
default_limits.vhosts.1.max_queues = 2
default_policies.operator.short.max_length = 1
default_queue_type = quorum
`)
	dir := t.TempDir()
	serve := func() *server {
		return start(t, nil, "serve", "--management", "off", "--data-dir", dir, "--config", path)
	}
	s := serve()
	conn, err := amqp.Dial("amqp://anna:s3cret@" + s.address + "/")
	require.NoError(t, err)
	channel := func() *amqp.Channel {
		ch, err := conn.Channel()
		require.NoError(t, err)
		return ch
	}
	_, err = channel().QueueDeclare("b", true, false, false, false, nil)
	assert.ErrorContains(t, err, "configure access to queue 'b' in vhost '/' refused for user 'anna'")
	ch := channel()
	_, err = ch.QueueDeclare("a1", true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
	require.NoError(t, err)
	require.NoError(t, ch.Confirm(false))
	for range 3 {
		c, err := ch.PublishWithDeferredConfirm("", "a1", false, false, amqp.Publishing{})
		require.NoError(t, err)
		require.True(t, c.Wait())
	}
	q, err := ch.QueueDeclarePassive("a1", true, false, false, false, nil)
	require.NoError(t, err)
	assert.Equal(t, 1, q.Messages, "the operator policy")
	_, err = ch.QueueDeclare("a1", true, false, false, false, nil)
	require.NoError(t, err, "the default type")
	_, err = ch.QueueDeclare("a2", true, false, false, false, nil)
	require.NoError(t, err)
	_, err = ch.QueueDeclare("a3", true, false, false, false, nil)
	assert.ErrorContains(t, err, "limit")
	require.NoError(t, conn.Close())
	_, err = amqp.Dial("amqp://ben:s3cret@" + s.address + "/")
	assert.Error(t, err, "of another virtual host")
	code, _ := s.stop(t, syscall.SIGTERM)
	assert.Zero(t, code)
	s = serve() // nothing is made twice
	conn, err = amqp.Dial("amqp://anna:s3cret@" + s.address + "/")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

// They are for virtual hosts that come later, too, as in RabbitMQ from 3.13 on.
func TestSeedOfALaterVirtualHost(t *testing.T) {
	b := newToolbox(t, "--config", write(t, "x.conf", `
default_users.ben.password = s3cret
default_users.ben.vhost_pattern = ^other$
default_limits.vhosts.1.max_queues = 40
default_policies.operator.short.delivery_limit = 3
default_policies.operator.short.expires = 3h
default_queue_type = quorum
`))
	ask := func(want string, words ...string) {
		t.Helper()
		code, stdout, stderr := b.run(append([]string{"rabbitmqctl", "-q"}, words...)...)
		require.Zero(t, code, stderr)
		assert.Equal(t, want, stdout)
	}
	ask("user\ttags\nguest\t[administrator]\n", "list_users")
	ask("", "add_vhost", "other")
	// What follows is what RabbitMQ 4.0.5 says.
	ask("user\ttags\nben\t[]\nguest\t[administrator]\n", "list_users")
	ask("user\tconfigure\twrite\tread\nben\t.*\t.*\t.*\n", "list_permissions", "-p", "other")
	ask("{\"max-queues\":40}\n", "list_vhost_limits", "-p", "other")
	ask("vhost\tname\tpattern\tapply-to\tdefinition\tpriority\nother\tshort\t.*\tall\t{\"delivery-limit\":3,\"expires\":10800000}\t0\n",
		"list_operator_policies", "-p", "other")
	ask("name\tdefault_queue_type\n/\tquorum\nother\tquorum\n", "list_vhosts", "name", "default_queue_type")
}
