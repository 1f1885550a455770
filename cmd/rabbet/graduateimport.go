package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/graduate"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
)

const importLong = `Brings the topology of a production broker here, so that tests run on the real one: exchanges,
queues, bindings, policies and parameters of SOURCE, the URL of its management API or a definitions
file, are created in the Rabbet that runs on this machine, or at --to. Nothing here is deleted.

With --sample some messages of each queue come along. Reading a stream leaves it as it was. Other
queues give messages out only by consuming: they go back, but the production broker marks them as
REDELIVERED, counts a delivery of each in quorum queues, and keeps them from its consumers
meanwhile. That is done with --allow-redelivered alone. Better: give it a copy of the queue, such as
a queue bound to the same exchange for the purpose, or the stream.`

func importCommand(c console) *cobra.Command {
	var to, sourceAMQP string
	var o graduate.ImportOptions
	cmd := &cobra.Command{Use: "import SOURCE [flags]", Short: "Bring a production broker's topology here", Long: importLong, DisableFlagsInUseLine: true,
		Example: "  rabbet graduate import http://monitor:secret@rabbit1:15672 --vhost shop"}
	f := cmd.Flags()
	f.StringVar(&to, "to", "", "`URL` of the management API of the Rabbet; by default the one that runs on this machine")
	f.StringArrayVar(&o.VHosts, "vhost", nil, "`name` of a virtual host; by default all")
	f.BoolVar(&o.Users, "users", false, "bring users and permissions too; users here that have these names are replaced")
	f.IntVar(&o.Sample, "sample", 0, "`number` of messages of each queue to bring")
	f.BoolVar(&o.AllowRedelivered, "allow-redelivered", false, "take messages from queues that are no streams, which marks them there")
	f.StringVar(&sourceAMQP, "from-amqp", "", "AMQP `URL` of the production broker, for --sample; by default what its API says")
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("graduate import takes one source")
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		here, err := c.api(to)
		if err != nil {
			return err
		}
		have, err := c.source(ctx, args[0], false)
		if err != nil {
			return err
		}
		var from *mgmt.Client
		if strings.HasPrefix(args[0], "http") {
			if from, err = mgmt.New(args[0]); err != nil {
				return usageError{err}
			}
			if o.Source, err = amqpOf(cmd, from, sourceAMQP); err != nil {
				return err
			}
		}
		o.Say = func(line string) { fmt.Fprintln(c.stderr, line) }
		got, err := graduate.Import(ctx, have, from, here, o)
		if got != nil {
			c.writeImported(got)
		}
		return err
	}
	return cmd
}

// amqpOf is where a broker speaks AMQP, as its API says.
func amqpOf(cmd *cobra.Command, api *mgmt.Client, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	facts, err := graduate.AskTarget(cmd.Context(), api)
	if err != nil || len(facts.Addresses) == 0 {
		return "", err
	}
	return graduate.URL(facts.Addresses[0], api), nil
}

func (c console) writeImported(got *graduate.Imported) {
	d := got.Definitions
	fmt.Fprintf(c.stdout, "imported: vhosts %d, exchanges %d, queues %d, bindings %d, policies %d, parameters %d, users %d\n",
		len(d.VHosts), len(d.Exchanges), len(d.Queues), len(d.Bindings), len(d.Policies), len(d.Parameters), len(d.Users))
	for _, at := range slices.Sorted(maps.Keys(got.Messages)) {
		fmt.Fprintf(c.stdout, "%s: messages %d\n", at, got.Messages[at])
	}
	for _, line := range got.Passed {
		fmt.Fprintln(c.stdout, line)
	}
}
