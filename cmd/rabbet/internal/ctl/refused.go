package ctl

var everyTool = []string{nameCtl, nameDiagnostics, namePlugins, nameQueues, nameStreams}

// refusedVerbs are commands that have no meaning for this broker. They say why, so that
// nobody takes a typing error for the reason.
var refusedVerbs = refusals([]refusedVerb{
	{"observer", diagnostics, "", "Starts a CLI observer interface on the target node", noErlang},
	{"remote_shell", diagnostics, "", "Starts an interactive Erlang shell on the target node", noErlang},
	{"maybe_stuck", diagnostics, "", "Detects Erlang processes (\"lightweight threads\") potentially not making progress on the target node", noErlang},
	{"runtime_thread_stats", diagnostics, "[--sample-interval <interval>]", "Provides a breakdown of runtime thread activity stats on the target node", noErlang},
	{"schema_info", nil, "[<column> ...]", "Lists schema database tables and their properties", "there is no schema database: this broker keeps its records in files of its own"},
	{"erlang_cookie_hash", diagnostics, "", "Displays a hash of the Erlang cookie (shared secret) used by the target node", noCookie},
	{"erlang_cookie_sources", diagnostics, "", "Display Erlang cookie source (e.g. $HOME/.erlang.cookie file) information useful for troubleshooting", noCookie},
	{"eval_file", ctlOnly, "<file_path>", "Evaluates a file that contains a snippet of Erlang code on the target node", "Evaluation failed: Erlang expressions are not supported"},
	{"exec", ctlOnly, "<expr>", "Evaluates a snippet of Elixir code on the CLI node", "Evaluation failed: Elixir expressions are not supported"},
	{"encode", ctlOnly, "<value> <passphrase>", "Encrypts a sensitive configuration value", noEncryption},
	{"decode", ctlOnly, "<value> <passphrase>", "Decrypts an encrypted configuration value", noEncryption},
	{"list_ciphers", nil, "", "Lists cipher suites supported by encoding commands", noEncryption},
	{"list_hashes", nil, "", "Lists hash functions supported by encoding commands", noEncryption},
	{"update_cluster_nodes", ctlOnly, "<existing_cluster_member_node_to_seed_from>", "Instructs a cluster member node to sync the list of known cluster members from <seed_node>", notClustered},
	{"sync_queue", ctlOnly, "[--vhost <vhost>] <queue>", "Instructs a mirrored queue with unsynchronised mirrors (follower replicas) to synchronise them", notClustered},
	{"cancel_sync_queue", ctlOnly, "[--vhost <vhost>] <queue>", "Instructs a synchronising mirrored queue to stop synchronising itself", notClustered},
	{"set_stream_retention_policy", []string{nameStreams}, "[--vhost <vhost>] <name> <policy>", "Sets the retention policy of a stream queue", "the retention of a stream is set with a policy: rabbitmqctl set_policy NAME PATTERN '{\"max-age\":\"1D\"}' --apply-to streams"},
})

const (
	notClustered = "this broker does not cluster"
	noErlang     = "this broker is no Erlang program"
	noCookie     = "there is no Erlang cookie: the tools reach the node over a socket that is its user's alone"
	noEncryption = "configuration values are not encrypted: a value may come from a file, with $(<FILE)"
)

type refusedVerb struct {
	name    string
	tools   []string
	usage   string
	summary string
	why     string
}

func refusals(list []refusedVerb) []*verb {
	verbs := make([]*verb, len(list))
	for i, r := range list {
		verbs[i] = &verb{name: r.name, tools: r.tools, usage: r.usage, summary: r.summary, max: -1,
			options: []string{"sample-interval=", "cipher=", "hash=", "iterations="},
			run:     func(*call) error { return failed(exitUnavailable, "%s", r.why) }}
	}
	return verbs
}
