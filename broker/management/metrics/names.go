package metrics

// A metric is one of RabbitMQ's, by name without the prefix, with its help.
type metric struct {
	name, help string
	counter    bool
}

func gauge(name, help string) metric   { return metric{name, help, false} }
func counter(name, help string) metric { return metric{name, help, true} }

// A family is metrics that RabbitMQ keeps together: a request for details names
// families.
type family string

// The families, by RabbitMQ's names.
const (
	churnFamily          family = "connection_churn_metrics"
	nodeCoarseFamily     family = "node_coarse_metrics"
	nodeFamily           family = "node_metrics"
	persisterFamily      family = "node_persister_metrics"
	authFamily           family = "auth_attempt_metrics"
	queueCoarseFamily    family = "queue_coarse_metrics"
	queueConsumerFamily  family = "queue_consumer_count"
	queueFamily          family = "queue_metrics"
	channelFamily        family = "channel_metrics"
	channelExchange      family = "channel_exchange_metrics"
	channelProcess       family = "channel_process_metrics"
	channelQueue         family = "channel_queue_metrics"
	connectionCoarse     family = "connection_coarse_metrics"
	connectionFamily     family = "connection_metrics"
	channelQueueExchange family = "channel_queue_exchange_metrics"
	vhostStatusFamily    family = "vhost_status"
	bindingsFamily       family = "exchange_bindings"
	exchangeNamesFamily  family = "exchange_names"
)

// families are the metrics of each, in the order in which values come.
var families = map[family][]metric{
	churnFamily: {
		counter("connections_opened_total", "Total number of connections opened"),
		counter("connections_closed_total", "Total number of connections closed or terminated"),
		counter("channels_opened_total", "Total number of channels opened"),
		counter("channels_closed_total", "Total number of channels closed"),
		counter("queues_declared_total", "Total number of queues declared"),
		counter("queues_created_total", "Total number of queues created"),
		counter("queues_deleted_total", "Total number of queues deleted"),
	},
	nodeCoarseFamily: {
		gauge("process_open_fds", "Open file descriptors"),
		gauge("process_open_tcp_sockets", "Open TCP sockets"),
		gauge("process_resident_memory_bytes", "Memory used in bytes"),
		gauge("disk_space_available_bytes", "Disk space available in bytes"),
		gauge("erlang_processes_used", "Erlang processes used"),
		counter("erlang_gc_runs_total", "Total number of Erlang garbage collector runs"),
		counter("erlang_gc_reclaimed_bytes_total", "Total number of bytes of memory reclaimed by Erlang garbage collector"),
		counter("erlang_scheduler_context_switches_total", "Total number of Erlang scheduler context switches"),
	},
	nodeFamily: {
		gauge("process_max_fds", "Open file descriptors limit"),
		gauge("process_max_tcp_sockets", "Open TCP sockets limit"),
		gauge("resident_memory_limit_bytes", "Memory high watermark in bytes"),
		gauge("disk_space_available_limit_bytes", "Free disk space low watermark in bytes"),
		gauge("erlang_processes_limit", "Erlang processes limit"),
		gauge("erlang_scheduler_run_queue", "Erlang scheduler run queue"),
		gauge("erlang_net_ticktime_seconds", "Inter-node heartbeat interval"),
		gauge("erlang_uptime_seconds", "Node uptime"),
	},
	persisterFamily: {
		counter("io_read_ops_total", "Total number of I/O read operations"),
		counter("io_read_bytes_total", "Total number of I/O bytes read"),
		counter("io_write_ops_total", "Total number of I/O write operations"),
		counter("io_write_bytes_total", "Total number of I/O bytes written"),
		counter("io_sync_ops_total", "Total number of I/O sync operations"),
		counter("io_seek_ops_total", "Total number of I/O seek operations"),
		counter("io_reopen_ops_total", "Total number of times files have been reopened"),
		counter("schema_db_ram_tx_total", "Total number of Schema DB memory transactions"),
		counter("schema_db_disk_tx_total", "Total number of Schema DB disk transactions"),
		counter("msg_store_read_total", "Total number of Message Store read operations"),
		counter("msg_store_write_total", "Total number of Message Store write operations"),
		counter("queue_index_read_ops_total", "Total number of Queue Index read operations"),
		counter("queue_index_write_ops_total", "Total number of Queue Index write operations"),
		counter("io_read_time_seconds_total", "Total I/O read time"),
		counter("io_write_time_seconds_total", "Total I/O write time"),
		counter("io_sync_time_seconds_total", "Total I/O sync time"),
		counter("io_seek_time_seconds_total", "Total I/O seek time"),
	},
	authFamily: {
		counter("auth_attempts_total", "Total number of authentication attempts"),
		counter("auth_attempts_succeeded_total", "Total number of successful authentication attempts"),
		counter("auth_attempts_failed_total", "Total number of failed authentication attempts"),
	},
	queueCoarseFamily: {
		gauge("queue_messages_ready", "Messages ready to be delivered to consumers"),
		gauge("queue_messages_unacked", "Messages delivered to consumers but not yet acknowledged"),
		gauge("queue_messages", "Sum of ready and unacknowledged messages - total queue depth"),
		counter("queue_process_reductions_total", "Total number of queue process reductions"),
	},
	queueConsumerFamily: {gauge("queue_consumers", "Consumers on a queue")},
	queueFamily: {
		gauge("queue_consumers", "Consumers on a queue"),
		gauge("queue_consumer_capacity", "Consumer capacity"),
		gauge("queue_consumer_utilisation", "Same as consumer capacity"),
		gauge("queue_process_memory_bytes", "Memory in bytes used by the Erlang queue process"),
		gauge("queue_messages_ram", "Ready and unacknowledged messages stored in memory"),
		gauge("queue_messages_ram_bytes", "Size of ready and unacknowledged messages stored in memory"),
		gauge("queue_messages_ready_ram", "Ready messages stored in memory"),
		gauge("queue_messages_unacked_ram", "Unacknowledged messages stored in memory"),
		gauge("queue_messages_persistent", "Persistent messages"),
		gauge("queue_messages_persistent_bytes", "Size in bytes of persistent messages"),
		gauge("queue_messages_bytes", "Size in bytes of ready and unacknowledged messages"),
		gauge("queue_messages_ready_bytes", "Size in bytes of ready messages"),
		gauge("queue_messages_unacked_bytes", "Size in bytes of all unacknowledged messages"),
		gauge("queue_messages_paged_out", "Messages paged out to disk"),
		gauge("queue_messages_paged_out_bytes", "Size in bytes of messages paged out to disk"),
		counter("queue_disk_reads_total", "Total number of times queue read messages from disk"),
		counter("queue_disk_writes_total", "Total number of times queue wrote messages to disk"),
	},
	channelFamily: {
		gauge("channel_consumers", "Consumers on a channel"),
		gauge("channel_messages_unacked", "Delivered but not yet acknowledged messages"),
		gauge("channel_messages_unconfirmed", "Published but not yet confirmed messages"),
		gauge("channel_messages_uncommitted", "Messages received in a transaction but not yet committed"),
		gauge("channel_acks_uncommitted", "Message acknowledgements in a transaction not yet committed"),
		gauge("consumer_prefetch", "Limit of unacknowledged messages for each consumer"),
		gauge("channel_prefetch", "Total limit of unacknowledged messages for all consumers on a channel"),
	},
	channelExchange: {
		counter("channel_messages_published_total", "Total number of messages published into an exchange on a channel"),
		counter("channel_messages_confirmed_total",
			"Total number of messages published into an exchange and confirmed on the channel"),
		counter("channel_messages_unroutable_returned_total",
			"Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable"),
		counter("channel_messages_unroutable_dropped_total",
			"Total number of messages published as non-mandatory into an exchange and dropped as unroutable"),
	},
	channelProcess: {counter("channel_process_reductions_total", "Total number of channel process reductions")},
	channelQueue: {
		counter("channel_get_ack_total", "Total number of messages fetched with basic.get in manual acknowledgement mode"),
		counter("channel_get_total", "Total number of messages fetched with basic.get in automatic acknowledgement mode"),
		counter("channel_messages_delivered_ack_total",
			"Total number of messages delivered to consumers in manual acknowledgement mode"),
		counter("channel_messages_delivered_total",
			"Total number of messages delivered to consumers in automatic acknowledgement mode"),
		counter("channel_messages_redelivered_total", "Total number of messages redelivered to consumers"),
		counter("channel_messages_acked_total", "Total number of messages acknowledged by consumers"),
		counter("channel_get_empty_total", "Total number of times basic.get operations fetched no message"),
	},
	connectionCoarse: {
		counter("connection_incoming_bytes_total", "Total number of bytes received on a connection"),
		counter("connection_outgoing_bytes_total", "Total number of bytes sent on a connection"),
		counter("connection_process_reductions_total", "Total number of connection process reductions"),
	},
	connectionFamily: {
		counter("connection_incoming_packets_total", "Total number of packets received on a connection"),
		counter("connection_outgoing_packets_total", "Total number of packets sent on a connection"),
		gauge("connection_pending_packets", "Number of packets waiting to be sent on a connection"),
		gauge("connection_channels", "Channels on a connection"),
	},
	channelQueueExchange: {counter("queue_messages_published_total", "Total number of messages published to queues")},
	vhostStatusFamily:    {gauge("vhost_status", "Whether a given vhost is running")},
	bindingsFamily:       {gauge("exchange_bindings", "Number of bindings for an exchange. This value is cluster-wide.")},
	exchangeNamesFamily: {gauge("exchange_name",
		"Enumerates exchanges without any additional info. This value is cluster-wide. A cheaper alternative to `exchange_bindings`")},
}

// plainFamilies belong to no object: every view has them alike.
var plainFamilies = []family{churnFamily, nodeCoarseFamily, nodeFamily, persisterFamily, authFamily}

// objectFamilies have a value for each object, or the sum of them.
var objectFamilies = []family{
	queueCoarseFamily, queueFamily, channelFamily, channelExchange, channelProcess, channelQueue, connectionCoarse,
	connectionFamily, channelQueueExchange,
}

// totals are counts of what is there.
var totals = []metric{
	gauge("connections", "Connections currently open"), gauge("channels", "Channels currently open"),
	gauge("consumers", "Consumers currently connected"), gauge("queues", "Queues available"),
}

// protocolMetrics are counted for a protocol as a whole, the first six of them counters.
var protocolMetrics = []metric{
	counter("messages_received_total", "Total number of messages received from publishers"),
	counter("messages_received_confirm_total", "Total number of messages received from publishers expecting confirmations"),
	counter("messages_routed_total", "Total number of messages routed to queues or streams"),
	counter("messages_unroutable_dropped_total",
		"Total number of messages published as non-mandatory into an exchange and dropped as unroutable"),
	counter("messages_unroutable_returned_total",
		"Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable"),
	counter("messages_confirmed_total", "Total number of messages confirmed to publishers"),
	gauge("publishers", "Current number of publishers"),
	gauge("consumers", "Current number of consumers"),
}

// typeMetrics are counted for a protocol and a type of queue.
var typeMetrics = []metric{
	counter("messages_delivered_total", "Total number of messages delivered to consumers"),
	counter("messages_delivered_consume_manual_ack_total",
		"Total number of messages delivered to consumers using basic.consume with manual acknowledgment"),
	counter("messages_delivered_consume_auto_ack_total",
		"Total number of messages delivered to consumers using basic.consume with automatic acknowledgment"),
	counter("messages_delivered_get_manual_ack_total",
		"Total number of messages delivered to consumers using basic.get with manual acknowledgment"),
	counter("messages_delivered_get_auto_ack_total",
		"Total number of messages delivered to consumers using basic.get with automatic acknowledgment"),
	counter("messages_get_empty_total", "Total number of times basic.get operations fetched no message"),
	counter("messages_redelivered_total", "Total number of messages redelivered to consumers"),
	counter("messages_acknowledged_total", "Total number of messages acknowledged by consumers"),
}

// deathMetrics are counted for a type of queue and what it does with dead letters; what was
// confirmed for at_least_once alone.
var deathMetrics = []metric{
	counter("messages_dead_lettered_expired_total", "Total number of messages dead-lettered due to message TTL exceeded"),
	counter("messages_dead_lettered_rejected_total", "Total number of messages dead-lettered due to basic.reject or basic.nack"),
	counter("messages_dead_lettered_maxlen_total", "Total number of messages dead-lettered due to overflow drop-head or reject-publish-dlx"),
	counter("messages_dead_lettered_delivery_limit_total", "Total number of messages dead-lettered due to delivery-limit exceeded"),
}

var deathConfirmedMetric = counter("messages_dead_lettered_confirmed_total",
	"Total number of messages dead-lettered and confirmed by target queues")

var alarmMetrics = []metric{
	gauge("file_descriptor_limit", "is 1 if file descriptor limit alarm is in effect"),
	gauge("free_disk_space_watermark", "is 1 if free disk space watermark alarm is in effect"),
	gauge("memory_used_watermark", "is 1 if VM memory watermark alarm is in effect"),
}
