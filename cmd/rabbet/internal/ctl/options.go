package ctl

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// options are those of a command line, in any place of it.
type options struct {
	node, vhost          string
	quiet, silent        bool
	noHeaders, help      bool
	dryRun, offline, all bool
	formatter, dataDir   string
	timeout              time.Duration
	own                  map[string]string // those of the verb, by name
}

// generalOptions have a value behind them, or none.
var generalOptions = map[string]bool{
	"node": true, "longnames": false, "quiet": false, "silent": false, "timeout": true, "vhost": true,
	"formatter": true, "printer": true, "file": true, "no-table-headers": false, "dry-run": false, "help": false,
	"erlang-cookie": true, "print-stacktrace": false, "script-name": true, "rabbitmq-home": true, "mnesia-dir": true,
	"plugins-dir": true, "enabled-plugins-file": true, "data-dir": true, "offline": false, "online": false,
	"local": false, "all": false,
}

var shortOptions = map[byte]string{
	'n': "node", 'l': "longnames", 'q': "quiet", 's': "silent", 't': "timeout", 'p': "vhost", '?': "help",
}

// parse takes the options out of a command line and returns the words that are left, and
// the options that are not known. own are the verb's own.
func (o *options) parse(args, own []string) (words, unknown []string) {
	o.own = map[string]string{}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(words, args[i+1:]...), unknown
		}
		name, value, joined := o.split(arg, own)
		if name == "" {
			words = append(words, arg)
			continue
		}
		takes, known := o.takesValue(name, own)
		if !known {
			unknown = append(unknown, arg)
			continue
		}
		if takes && !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		o.set(name, value)
	}
	return words, unknown
}

// split is the name of an option, and the value that is joined to it. The name is "" for
// what is no option: a number below zero, a pattern, a document.
func (o *options) split(arg string, own []string) (name, value string, joined bool) {
	if rest, ok := strings.CutPrefix(arg, "--"); ok && rest != "" {
		name, value, joined = strings.Cut(rest, "=")
		return strings.ReplaceAll(name, "_", "-"), value, joined
	}
	if len(arg) == 2 && arg[0] == '-' {
		for _, mine := range own { // -e and -u of delete_queue
			if strings.TrimSuffix(mine, "=") == arg[1:] {
				return arg[1:], "", false
			}
		}
		return shortOptions[arg[1]], "", false
	}
	return "", "", false
}

func (o *options) takesValue(name string, own []string) (takes, known bool) {
	for _, mine := range own {
		if plain, takes := strings.CutSuffix(mine, "="); plain == name {
			return takes, true
		}
	}
	takes, known = generalOptions[name]
	return takes, known
}

func (o *options) set(name, value string) {
	switch name {
	case "node":
		o.node = value
	case "vhost":
		o.vhost = value
	case "quiet":
		o.quiet = true
	case "silent":
		o.silent = true
	case "no-table-headers":
		o.noHeaders = true
	case "help":
		o.help = true
	case "dry-run":
		o.dryRun = true
	case "offline":
		o.offline = true
	case "all":
		o.all = true
	case "formatter":
		o.formatter = value
	case "data-dir":
		o.dataDir = value
	case "timeout":
		if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 {
			o.timeout = time.Duration(seconds * float64(time.Second))
		}
	}
	o.own[name] = value
}

// vhostName is the virtual host, "/" by default.
func (o *options) vhostName() string { return cmp.Or(o.vhost, "/") }

// format is the formatter, or the verb's own.
func (o *options) format(standard string) string {
	switch o.formatter {
	case "json", "csv", "pretty_table", "table", "erlang":
		if o.formatter == "table" {
			return standard
		}
		return o.formatter
	}
	return standard
}

// has reports whether an option of the verb's was given.
func (o *options) has(name string) bool { _, ok := o.own[name]; return ok }
