#!/bin/sh
# Starts what the container is told to, as the user rabbitmq if that is the server.
set -eu

for name in RABBITMQ_SSL_CACERTFILE RABBITMQ_SSL_CERTFILE RABBITMQ_SSL_DEPTH RABBITMQ_SSL_FAIL_IF_NO_PEER_CERT \
	RABBITMQ_SSL_KEYFILE RABBITMQ_SSL_VERIFY RABBITMQ_MANAGEMENT_SSL_CACERTFILE RABBITMQ_MANAGEMENT_SSL_CERTFILE \
	RABBITMQ_MANAGEMENT_SSL_KEYFILE RABBITMQ_VM_MEMORY_HIGH_WATERMARK RABBITMQ_DEFAULT_PASS_FILE RABBITMQ_DEFAULT_USER_FILE; do
	eval "value=\${$name:-}"
	if [ -n "$value" ]; then
		echo "error: $name is set but deprecated" >&2
		deprecated=yes
	fi
done
if [ -n "${deprecated:-}" ]; then
	echo "error: deprecated environment variables detected" >&2
	exit 1
fi

if [ "$(id -u)" = 0 ] && [ "${1:-}" = rabbitmq-server ]; then
	chown -R rabbitmq:rabbitmq "${RABBITMQ_MNESIA_BASE:-/var/lib/rabbitmq}" 2>/dev/null || true
	exec su-exec rabbitmq "$0" "$@"
fi
exec "$@"
