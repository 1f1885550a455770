// Package ctl is RabbitMQ's command-line tools: rabbitmqctl, rabbitmq-diagnostics,
// rabbitmq-plugins, rabbitmq-queues and rabbitmq-streams, with their texts, formats and
// exit codes. They reach the broker over its control socket, without a login.
package ctl

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tool"
)

// Exit codes of RabbitMQ's tools.
const (
	exitUsage       = 64
	exitData        = 65
	exitNoUser      = 67
	exitUnavailable = 69
	exitSoftware    = 70
	exitTimeout     = 75
)

// A failure ends a command. The text comes behind a line "Error:", unless it is plain; ""
// is one that has been explained.
type failure struct {
	code  int
	text  string
	plain bool
}

func (f *failure) Error() string { return f.text }

func failed(code int, format string, args ...any) error {
	return &failure{code: code, text: fmt.Sprintf(format, args...)}
}

// failedPlainly is failed without the line "Error:".
func failedPlainly(code int, format string, args ...any) error {
	return &failure{code: code, text: fmt.Sprintf(format, args...), plain: true}
}

// A verb is one command of a tool.
type verb struct {
	name string
	// tools are those that have it; nil is rabbitmqctl and rabbitmq-diagnostics.
	tools []string
	// plugin, unless "", is the one that brings it: while that is off nobody knows it.
	plugin string
	// usage is what comes after the name, summary a sentence for the help.
	usage, summary string
	// min and max are the numbers of arguments; a negative max is no limit.
	min, max int
	// options are its own, beside the general ones: the name, with "=" behind it if a
	// value follows.
	options []string
	// check, unless nil, refuses arguments before anything is printed.
	check func(c *call) error
	// banner is the line before the output; "" is none.
	banner func(c *call) string
	run    func(c *call) error
}

const (
	nameCtl         = "rabbitmqctl"
	nameDiagnostics = "rabbitmq-diagnostics"
	namePlugins     = "rabbitmq-plugins"
	nameQueues      = "rabbitmq-queues"
	nameStreams     = "rabbitmq-streams"
	nameUpgrade     = "rabbitmq-upgrade"
)

// A call is one run of a tool.
type call struct {
	tool.Process
	verb *verb
	args []string
	opts options
	node *client
	// banner is what is still to be said before the output. A node whose broker is stopped
	// gets none.
	banner string
}

// Run is the tool of the process's name.
func Run(p tool.Process, args []string) int {
	c := &call{Process: p}
	err := c.do(args)
	if !errors.Is(err, errNotRunning) {
		c.flush()
	}
	if err == nil {
		return 0
	}
	var f *failure
	if errors.Is(err, errNotRunning) {
		fmt.Fprintf(p.Stderr, "Error: %s\nArguments given:\n\t%s\n\nUsage\n\n%s\n", err, strings.Join(append([]string{c.verb.name}, c.args...), " "), c.usage(c.verb))
		return exitUsage
	}
	if !errors.As(err, &f) {
		f = &failure{code: exitUnavailable, text: err.Error()}
	}
	switch {
	case f.text == "":
	case !f.plain && c.opts.format("") == "json":
		name := c.opts.node
		if c.node != nil {
			name = c.node.name
		}
		fmt.Fprintln(p.Stderr, jsonText(map[string]any{"message": f.text, "node": name, "result": "error"}))
	case f.plain:
		fmt.Fprintln(p.Stderr, f.text)
	default:
		fmt.Fprintf(p.Stderr, "Error:\n%s\n", f.text)
	}
	return f.code
}

// do finds the verb, checks what it is given, and runs it.
func (c *call) do(args []string) error {
	words, _ := c.opts.parse(args, nil)
	if len(words) == 0 || words[0] == "help" && len(words) == 1 {
		return c.help("")
	}
	if words[0] == "help" {
		return c.help(words[1])
	}
	c.verb = c.find(words[0])
	if c.verb == nil {
		return c.unknownVerb(words[0])
	}
	c.opts = options{}
	words, unknown := c.opts.parse(args, c.verb.options)
	c.args = words[1:]
	if c.opts.help {
		return c.help(c.verb.name)
	}
	switch {
	case len(unknown) > 0:
		return c.misused("Invalid options for this command:\n"+strings.Join(unknown, " : \n")+" : ", args)
	case len(c.args) < c.verb.min:
		return c.misused("not enough arguments.", args)
	case c.verb.max >= 0 && len(c.args) > c.verb.max:
		return c.misused("too many arguments.", args)
	}
	if c.verb.check != nil {
		if err := c.verb.check(c); err != nil {
			return err
		}
	}
	c.node = c.connect()
	if !c.node.reached && !worksAlone(c.verb) {
		return c.node.unreachable()
	}
	if c.verb.banner != nil {
		c.banner = c.verb.banner(c)
	}
	if c.opts.dryRun {
		return nil
	}
	return c.verb.run(c)
}

// flush prints the banner.
func (c *call) flush() {
	if text := c.banner; text != "" {
		c.banner = ""
		c.say("%s", text)
	}
}

// say prints a line that -q and -s leave out.
func (c *call) say(format string, args ...any) {
	c.flush()
	if f := c.opts.format(""); !c.opts.quiet && !c.opts.silent && f != "json" && f != "csv" {
		fmt.Fprintf(c.Stdout, format+"\n", args...)
	}
}

// tell prints a text that is a verb's whole answer.
func (c *call) tell(format string, args ...any) {
	c.flush()
	text := fmt.Sprintf(format, args...)
	if c.opts.format("") == "json" {
		text = jsonText(map[string]any{"message": text})
	}
	fmt.Fprintln(c.Stdout, text)
}

// print prints a line of output.
func (c *call) print(format string, args ...any) {
	c.flush()
	fmt.Fprintf(c.Stdout, format+"\n", args...)
}

// worksAlone reports whether a verb has something to say without a node.
func worksAlone(v *verb) bool {
	switch v.name {
	case "ping", "await_startup", "wait", "await_online_nodes", "check_running", "is_running", "version", "autocomplete",
		"hipe_compile", "rotate_logs", "resolve_hostname", "resolver_info", "list_network_interfaces", "cipher_suites", "tls_versions":
		return true
	}
	return slices.Contains(v.tools, namePlugins) || slices.Contains(refusedVerbs, v)
}

// find is the verb of a name that the tool has.
func (c *call) find(name string) *verb {
	for _, v := range verbs {
		if v.name == name && c.offers(v) {
			return v
		}
	}
	return nil
}

func (v *verb) has(tool string) bool {
	if v.tools == nil {
		return tool == nameCtl || tool == nameDiagnostics
	}
	return slices.Contains(v.tools, tool)
}

// offers reports whether the tool has a verb as things are.
func (c *call) offers(v *verb) bool {
	if !v.has(c.Name) || v.plugin == "" {
		return v.has(c.Name)
	}
	if c.node == nil {
		c.node = c.connect()
	}
	s, err := c.pluginsState()
	return err != nil || !slices.Contains(s.off, v.plugin)
}

func (c *call) unknownVerb(name string) error {
	fmt.Fprintf(c.Stderr, "\nCommand '%s' not found. \n", name)
	if near := c.nearest(name); near != "" {
		fmt.Fprintf(c.Stderr, "Did you mean '%s'? \n", near)
		fmt.Fprintln(c.Stderr)
	} else {
		c.list(c.Stderr)
	}
	return &failure{code: exitUsage} // it has been explained
}

// misused prints what is wrong with a command line, and how it should be.
func (c *call) misused(what string, args []string) error {
	fmt.Fprintf(c.Stderr, "Error (argument validation): %s\nArguments given:\n\t%s\n\n", what, strings.Join(args, " "))
	fmt.Fprintf(c.Stderr, "Usage\n\n%s\n", c.usage(c.verb))
	return &failure{code: exitUsage} // it has been explained
}

func (c *call) usage(v *verb) string {
	return strings.TrimRight(c.Name+" [--node <node>] [--longnames] [--quiet] "+v.name+" "+v.usage, " ")
}

// help prints how a verb is used, or all of them.
func (c *call) help(name string) error {
	if name == "" {
		c.list(c.Stdout)
		return nil
	}
	v := c.find(name)
	if v == nil {
		return c.unknownVerb(name)
	}
	c.print("\nUsage\n\n%s\n\n%s\n", c.usage(v), v.summary)
	return nil
}

func (c *call) list(w io.Writer) {
	fmt.Fprintf(w, "\nUsage\n\n%s [--node <node>] [--timeout <timeout>] [--longnames] [--quiet] <command> [<command options>]\n\nAvailable commands:\n\n", c.Name)
	for _, v := range verbs {
		if c.offers(v) {
			fmt.Fprintf(w, "   %-40s  %s\n", v.name, v.summary)
		}
	}
	fmt.Fprintf(w, "\nUse '%s help <command>' to learn more about a specific command\n", c.Name)
}

// nearest is the verb whose name is most like one that is not known; "" if none is.
func (c *call) nearest(name string) string {
	best, distance := "", len(name)/2+1
	for _, v := range verbs {
		if d := editDistance(name, v.name); d < distance && c.offers(v) {
			best, distance = v.name, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := min(row[j+1], row[j]) + 1
			if a[i] == b[j] {
				next = min(next, diagonal)
			} else {
				next = min(next, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
