package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// load_definitions with what RabbitMQ has exported: users log in with their old
// passwords, and no default user is made.
func TestLoadDefinitions(t *testing.T) {
	exported := `{"rabbit_version":"3.13.7","users":[{"name":"anna","password_hash":"kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
		"hashing_algorithm":"rabbit_password_hashing_sha256","tags":["administrator"],"limits":{}}],"vhosts":[{"name":"shop"}],
		"permissions":[{"user":"anna","vhost":"shop","configure":".*","write":".*","read":".*"}],
		"queues":[{"name":"orders","vhost":"shop","durable":true,"auto_delete":false,"arguments":{}}]}`
	dir := t.TempDir()
	file := filepath.Join(dir, "1.json")
	require.NoError(t, os.WriteFile(file, []byte(exported), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "2.json"), []byte(`{"queues":[{"name":"second","vhost":"shop","durable":true,"auto_delete":false,"arguments":{}}]}`), 0o600))
	for _, path := range []string{file, dir} {
		s := start(t, nil, "serve", "--memory", "--management", "off", "--config", write(t, "x.conf", "load_definitions = "+path+"\n"))
		log := strings.Join(s.lines, "\n")
		assert.Contains(t, log, "no default user and no default virtual host are created")
		assert.Contains(t, log, "definitions imported  file="+file+" vhosts=1 users=1 queues=1")
		conn, err := amqp.Dial("amqp://anna:test12@" + s.address + "/shop")
		require.NoError(t, err)
		ch, err := conn.Channel()
		require.NoError(t, err)
		_, err = ch.QueueDeclarePassive("orders", true, false, false, false, nil)
		assert.NoError(t, err)
		_, err = ch.QueueDeclarePassive("second", true, false, false, false, nil)
		assert.Equal(t, path == dir, err == nil)
		require.NoError(t, conn.Close())
		_, err = amqp.Dial("amqp://guest:guest@" + s.address + "/")
		assert.Error(t, err)
		code, _ := s.stop(t, syscall.SIGTERM)
		assert.Zero(t, code)
	}
	code, _, stderr := run(t, nil, "serve", "--memory", "--port", "0", "--definitions", write(t, "bad.json", `{"queues":[{"name":"x"},{"vhost":"/"}]}`))
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "and nothing of it is: ")
	assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
}

// definitions.skip_if_unchanged leaves alone what was imported already.
func TestDefinitionsThatHaveNotChanged(t *testing.T) {
	file := write(t, "d.json", `{"users":[{"name":"anna","password":"s3cret","tags":[]}],"vhosts":[{"name":"/"}],"permissions":[{"user":"anna","vhost":"/","configure":".*","write":".*","read":".*"}],
		"queues":[{"name":"orders","vhost":"/","durable":true,"auto_delete":false,"arguments":{}}]}`)
	conf := write(t, "x.conf", "definitions.import_backend = local_filesystem\ndefinitions.local.path = "+file+"\ndefinitions.skip_if_unchanged = true\n")
	dir := t.TempDir()
	serve := func() (log string, imported bool) {
		s := start(t, nil, "serve", "--management", "off", "--data-dir", dir, "--config", conf)
		conn, err := amqp.Dial("amqp://anna:s3cret@" + s.address + "/")
		require.NoError(t, err)
		ch, err := conn.Channel()
		require.NoError(t, err)
		_, err = ch.QueueDelete("orders", false, false, false)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		code, _ := s.stop(t, syscall.SIGTERM)
		assert.Zero(t, code)
		log = strings.Join(s.lines, "\n")
		return log, strings.Contains(log, "definitions imported")
	}
	_, imported := serve()
	assert.True(t, imported)
	log, imported := serve()
	assert.False(t, imported)
	assert.Contains(t, log, "definitions are not imported again: they have not changed")
	require.NoError(t, os.WriteFile(file, []byte(`{"queues":[{"name":"more","vhost":"/","durable":true,"auto_delete":false,"arguments":{}}]}`), 0o600))
	_, imported = serve()
	assert.True(t, imported)
}
