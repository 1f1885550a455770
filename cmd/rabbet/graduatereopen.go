package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/mgmt"
)

const reopenLong = `Lets queues of Rabbet go on that apply --live has had stand still: they deliver and take publishes
again. Without names it is all queues of the virtual host. A queue that was not closed stays as it
is.`

// reopenCommand is rabbet graduate reopen.
func reopenCommand(c console) *cobra.Command {
	var from, vhost string
	cmd := &cobra.Command{
		Use: "reopen [QUEUE...] [flags]", Short: "Let queues go on that apply has closed", Long: reopenLong, DisableFlagsInUseLine: true,
		Example: "  rabbet graduate reopen orders --vhost shop",
	}
	cmd.Flags().StringVar(&from, "from", "", "`URL` of Rabbet's management API; by default the one that runs on this machine")
	cmd.Flags().StringVar(&vhost, "vhost", "/", "`name` of the virtual host")
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		api, err := c.api(from)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			if names, err = closableQueues(cmd.Context(), api, vhost); err != nil {
				return err
			}
		}
		for _, name := range names {
			err := api.Do(cmd.Context(), http.MethodPut, mgmt.Path("rabbet", "queues", vhost, name, "stand-still"),
				map[string]bool{"deliveries": true, "publishes": true}, nil)
			if err != nil {
				return fmt.Errorf("queue %q: %w", name, err)
			}
			fmt.Fprintf(c.stdout, "open: %s\n", name)
		}
		return nil
	}
	return cmd
}

// closableQueues are those of a virtual host that apply could have closed.
func closableQueues(ctx context.Context, api *mgmt.Client, vhost string) (names []string, err error) {
	var list []struct {
		Name, Type string
		Exclusive  bool
	}
	if err := api.Get(ctx, mgmt.Path("queues", vhost)+"?columns=name,type,exclusive", &list); err != nil {
		return nil, err
	}
	for _, q := range list {
		if q.Type != "stream" && !q.Exclusive {
			names = append(names, q.Name)
		}
	}
	return names, nil
}
