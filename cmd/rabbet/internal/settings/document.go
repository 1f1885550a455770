package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const documentHead = `# Configuration

The table in ` + "`cmd/rabbet/internal/settings`" + ` makes this page; a test compares them.

` + "`rabbet serve`" + ` is configured as RabbitMQ is: by flags, by variables of the environment, and by RabbitMQ's own
files. A flag wins over a variable, a variable over a file, a file over the default. There is one exception, which is
RabbitMQ's: ` + "`RABBITMQ_NODE_PORT` and `RABBITMQ_NODE_IP_ADDRESS`" + ` lose to ` + "`listeners.tcp.*`" + ` of a file.

<!-- run -->
` + "```sh" + `
echo 'disk_free_limit.absolute = 1GB' > rabbitmq.conf
rabbet config check rabbitmq.conf        # every fault, with its line
rabbet serve --config rabbitmq.conf --print-config    # every setting, with where it comes from
rabbet serve --config rabbitmq.conf --memory --port 0 --management off -- rabbet version    # this file and no other
` + "```" + `

## Files

Without ` + "`--config`" + ` these files are read, those that are there, and a later one wins:

1. ` + "`/etc/rabbitmq/rabbitmq.conf`, or `rabbitmq.config`" + `
2. ` + "`/etc/rabbitmq/conf.d/*.conf`" + `, in the order of their names
3. ` + "`/etc/rabbitmq/advanced.config`" + `

` + "`/etc/rabbitmq/rabbitmq-env.conf`" + ` has variables that the environment does not, one ` + "`NAME=value`" + ` a line.
` + "`/etc/rabbitmq/enabled_plugins`" + ` is a list such as ` + "`[rabbitmq_management,rabbitmq_shovel].`" + `; where it is, the doors of the
plugins that it leaves out stay shut.

A line of ` + "`rabbitmq.conf`" + ` is ` + "`key = value`" + `. A comment begins with ` + "`#`" + `; a value that has one is put in single
quotes, a value of several lines in three of them. ` + "`include FILE`" + ` reads other files, ` + "`$(other.key)`" + ` is the value of another
key, ` + "`$(NAME)`" + ` that of a variable, and ` + "`$(<FILE)`" + ` the content of a file, which suits passwords. If a key is there twice
the last one counts. In a key ` + "`\\.`" + ` is a dot that belongs to a name.

An unknown key or a bad value refuses the start, with its line and the nearest known key. Keys that RabbitMQ knows and
that mean nothing here are listed in one line of the log.

Sizes have RabbitMQ's units: ` + "`k`, `M`, `G`" + ` are powers of 1000, ` + "`Ki`, `Mi`, `Gi`" + ` of 1024. Those of ` + "`frame_max`" + ` alone,
` + "`KB`, `MB`, `GB`" + `, are powers of 1024.
`

// Markdown is the page on configuration.
func Markdown() string {
	var b strings.Builder
	b.WriteString(documentHead)
	section := ""
	for i := range Options {
		o := &Options[i]
		if o.Section != section {
			section = o.Section
			fmt.Fprintf(&b, "\n## %s\n\n| key | flag, variable | value | default | |\n|---|---|---|---|---|\n", section)
		}
		b.WriteString(o.row())
	}
	documentVariables(&b)
	documentTerms(&b)
	fmt.Fprintf(&b, "\n## Keys without effect\n\nRabbitMQ knows them, and they mean nothing to this broker. `$name` stands for any word, `**` for any words.\n\n")
	for _, key := range acceptedKeys {
		fmt.Fprintf(&b, "- `%s`\n", key)
	}
	return b.String()
}

// row is an option's line of its section's table.
func (o *Option) row() string {
	var names []string
	if o.Flag != "" {
		names = append(names, "`--"+o.Flag+"`")
	}
	for _, name := range o.Env {
		names = append(names, "`"+name+"`")
	}
	key := ""
	if o.Key != "" {
		key = "`" + o.Key + "`"
	}
	kind, initial := o.Kind(), ""
	if v := o.key; v.get != nil && o.Key != "" {
		d := Defaults()
		initial = v.get(&d)
	} else {
		initial = o.Default()
	}
	if o.IsSwitch() && o.Key == "" {
		kind = "switch"
	}
	if initial != "" {
		initial = "`" + initial + "`"
	}
	if o.Secret {
		initial = ""
	}
	help := strings.ReplaceAll(o.Help, "`", "")
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", key, strings.Join(names, ", "), strings.ReplaceAll(kind, "|", `\|`), initial, strings.ReplaceAll(help, "|", `\|`))
}

func documentVariables(b *strings.Builder) {
	b.WriteString("\n## Other variables\n\n| variable | |\n|---|---|\n")
	for _, v := range Variables {
		fmt.Fprintf(b, "| `%s` | %s |\n", v.Name, v.Help)
	}
	var idle []string
	for _, name := range withoutEffect {
		idle = append(idle, "`"+name+"`")
	}
	fmt.Fprintf(b, "\nThese are known and have no effect, and the log says so: %s.\nThese refuse the start, as in RabbitMQ's own image:\n\n", strings.Join(idle, ", "))
	for _, r := range refused {
		fmt.Fprintf(b, "- `%s`: use `%s`\n", r.pattern, r.instead)
	}
	b.WriteString("\nAny other variable that begins with `RABBITMQ_` or `RABBET_` is named in the log as unknown.\n")
}

func documentTerms(b *strings.Builder) {
	b.WriteString("\n## Erlang terms\n\nOf `advanced.config` and `rabbitmq.config` these settings are read; any other refuses the start.\n\n")
	for _, name := range slices.Sorted(maps.Keys(termKeys)) {
		fmt.Fprintf(b, "- `%s`\n", name)
	}
}
