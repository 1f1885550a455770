package ctl

import "fmt"

// banner is a banner with the call's arguments and virtual host: %0 and %1 are the first
// two arguments, %v the virtual host, %n the node.
func banner(format string) func(*call) string {
	return func(c *call) string {
		out := ""
		for i := 0; i < len(format); i++ {
			if format[i] != '%' || i+1 == len(format) {
				out += string(format[i])
				continue
			}
			i++
			switch format[i] {
			case 'v':
				out += c.opts.vhostName()
			case 'n':
				out += c.node.name
			default:
				if at := int(format[i] - '0'); at >= 0 && at < len(c.args) {
					out += c.args[at]
				}
			}
		}
		return out
	}
}

// timed is a banner behind the line that RabbitMQ prints where a time limit counts.
func timed(format string) func(*call) string {
	return func(c *call) string {
		return fmt.Sprintf("Timeout: %.1f seconds ...\n%s", c.node.timeout.Seconds(), banner(format)(c))
	}
}

var (
	ctlOnly     = []string{nameCtl}
	pluginsOnly = []string{namePlugins}
	withQueues  = []string{nameCtl, nameDiagnostics, nameQueues}
	queuesOnly  = []string{nameQueues, nameDiagnostics}
	diagnostics = []string{nameDiagnostics}
)

// verbs are all that the tools have.
var verbs []*verb

func init() { // the help lists them, so they cannot be their own initializer
	for _, list := range [][]*verb{nodeVerbs, userVerbs, vhostVerbs, policyVerbs, listVerbs, objectVerbs, checkVerbs, statusVerbs, pluginVerbs, queueVerbs, shovelVerbs, runtimeVerbs, logVerbs, eventVerbs, attemptVerbs, upgradeVerbs, refusedVerbs} {
		verbs = append(verbs, list...)
	}
}
