package main

import (
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/admin"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/ctl"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tool"
)

// personalities are the commands that the binary is when it is called by their names,
// by a link to it or a copy. A new one is a line here. By any other name it is rabbet.
var personalities = map[string]tool.Command{
	"rabbitmq-server": func(p tool.Process, args []string) int { return rabbet(p, append([]string{"serve"}, args...)) },

	"rabbitmqctl":          ctl.Run,
	"rabbitmq-diagnostics": ctl.Run,
	"rabbitmq-plugins":     ctl.Run,
	"rabbitmq-queues":      ctl.Run,
	"rabbitmq-streams":     ctl.Run,
	"rabbitmq-upgrade":     ctl.Run,

	"rabbitmqadmin": admin.Run,

	"su-exec": tool.SuExec,
	"gosu":    tool.SuExec,
}
