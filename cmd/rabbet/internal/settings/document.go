package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const documentHead = `# Configuration

The page comes from the table in ` + "`cmd/rabbet/internal/settings`" + `; a test compares them.

` + "`rabbet serve`" + ` is configured as RabbitMQ is: by flags, by variables of the environment, and by RabbitMQ's own
files. A flag wins over a variable, a variable over a file, a file over the default. There is one exception, as in
RabbitMQ: ` + "`RABBITMQ_NODE_PORT` and `RABBITMQ_NODE_IP_ADDRESS`" + ` lose to ` + "`listeners.tcp.*`" + ` in a file.

<!-- run -->
` + "```sh" + `
echo 'disk_free_limit.absolute = 1GB' > rabbitmq.conf
rabbet config check rabbitmq.conf        # every fault, with its line
rabbet serve --config rabbitmq.conf --print-config    # every setting, with where it comes from
rabbet serve --config rabbitmq.conf --memory --port 0 --management off -- rabbet version    # this file and no other
` + "```" + `

## Files

Without ` + "`--config`" + ` Rabbet reads those of these files that exist; a later one wins:

1. ` + "`/etc/rabbitmq/rabbitmq.conf`, or `rabbitmq.config`" + `
2. ` + "`/etc/rabbitmq/conf.d/*.conf`" + `, in the order of their names
3. ` + "`/etc/rabbitmq/advanced.config`" + `

` + "`/etc/rabbitmq/rabbitmq-env.conf`" + ` sets variables that the environment does not set, one ` + "`NAME=value`" + ` a line.
` + "`/etc/rabbitmq/enabled_plugins`" + ` is a list such as ` + "`[rabbitmq_management,rabbitmq_shovel].`" + `. If it exists, Rabbet does not open
the listeners of plugins that it leaves out.

A line of ` + "`rabbitmq.conf`" + ` is ` + "`key = value`" + `. A comment begins with ` + "`#`" + `. Put a value with that character in single
quotes, and a value of several lines in three of them. ` + "`include FILE`" + ` reads other files, ` + "`$(other.key)`" + ` is the value of another
key, ` + "`$(NAME)`" + ` that of a variable, and ` + "`$(<FILE)`" + ` the content of a file, which suits passwords. If a key occurs twice,
the last one counts. In a key ` + "`\\.`" + ` is a dot that belongs to a name.

Rabbet does not start with an unknown key or a bad value; the error has the line and the nearest known key. One line of the
log lists the keys that RabbitMQ knows and that have no effect in Rabbet.

Sizes have RabbitMQ's units: ` + "`k`, `M`, `G`" + ` are powers of 1000, ` + "`Ki`, `Mi`, `Gi`" + ` of 1024. In
` + "`frame_max` alone, `KB`, `MB`, `GB`" + ` are powers of 1024 too.
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
	fmt.Fprintf(&b, "\n## Keys without effect\n\nRabbitMQ knows these keys; they have no effect in Rabbet. `$name` stands for any word, `**` for any words.\n\n")
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
	fmt.Fprintf(b, "\nThese are known and have no effect, and the log says so: %s.\n\nRabbet does not start with one of these, and neither does RabbitMQ's own image:\n\n", strings.Join(idle, ", "))
	for _, r := range refused {
		fmt.Fprintf(b, "- `%s`: use `%s` in `rabbitmq.conf`\n", r.pattern, strings.TrimSuffix(r.instead, " in rabbitmq.conf"))
	}
	b.WriteString("\nAny other variable that begins with `RABBITMQ_` or `RABBET_` is unknown, and the log says so.\n")
}

func documentTerms(b *strings.Builder) {
	b.WriteString("\n## Erlang terms\n\nRabbet reads these settings of `advanced.config` and `rabbitmq.config`. It does not start with any other.\n\n")
	for _, name := range slices.Sorted(maps.Keys(termKeys)) {
		fmt.Fprintf(b, "- `%s`\n", name)
	}
}
