// The scripts on queues.

package conformance

var queueScripts = []Script{}
