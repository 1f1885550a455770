package main

import (
	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/admin"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/ctl"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tool"
)

// tools are RabbitMQ's command-line tools. A new one is a line here.
var tools = map[string]tool.Command{
	"rabbitmqctl":          ctl.Run,
	"rabbitmq-diagnostics": ctl.Run,
	"rabbitmq-plugins":     ctl.Run,
	"rabbitmq-queues":      ctl.Run,
	"rabbitmq-streams":     ctl.Run,
	"rabbitmq-upgrade":     ctl.Run,
	"rabbitmqadmin":        admin.Run,
}

// personality is the command that the binary is when it is called by this name, by a link
// to it or a copy: one of the tools, or what a container's start script calls. By any
// other name it is rabbet.
func personality(name string) tool.Command {
	switch name {
	case "rabbitmq-server":
		return func(p tool.Process, args []string) int { return rabbet(p, append([]string{"serve"}, args...)) }
	case "su-exec", "gosu":
		return tool.SuExec
	}
	if command := tools[name]; command != nil {
		return command
	}
	return rabbet
}

const ctlLong = `Runs one of RabbitMQ's command-line tools without a link of its name: rabbitmqctl, unless the
first argument names another.`

const ctlExample = `  rabbet ctl list_queues name messages
  rabbet ctl rabbitmq-diagnostics -q ping`

// ctlCommand has the tools as a command. What the tool takes is the tool's matter.
func ctlCommand(c console) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ctl [TOOL] [ARGUMENTS]", Short: "Administer a running broker with RabbitMQ's tools", Long: ctlLong, Example: ctlExample,
		DisableFlagParsing: true, DisableFlagsInUseLine: true,
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		name := "rabbitmqctl"
		if len(args) > 0 && tools[args[0]] != nil {
			name, args = args[0], args[1:]
		}
		p := tool.Process{Name: name, Stdin: c.stdin, Stdout: c.stdout, Stderr: c.stderr, Environ: c.environ}
		if code := tools[name](p, args); code != 0 {
			return exitError{code}
		}
		return nil
	}
	return cmd
}
