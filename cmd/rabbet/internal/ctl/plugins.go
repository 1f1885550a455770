package ctl

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/plugins"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

var pluginVerbs = []*verb{
	{name: "list", tools: pluginsOnly, usage: "[<pattern>] [--verbose] [--minimal] [--enabled] [--implicitly-enabled]", summary: "Lists plugins and their state", max: 1,
		options: []string{"verbose", "v", "minimal", "m", "enabled", "e", "implicitly-enabled", "E"}, run: listPlugins},
	{name: "enable", tools: pluginsOnly, usage: "<plugin1> [ <plugin2>] | --all [--offline] [--online]", summary: "Enables one or more plugins", max: -1,
		run: func(c *call) error { return c.changePlugins("enable") }},
	{name: "disable", tools: pluginsOnly, usage: "<plugin1>[ <plugin2>] | --all [--offline] [--online]", summary: "Disables one or more plugins", max: -1,
		run: func(c *call) error { return c.changePlugins("disable") }},
	{name: "set", tools: pluginsOnly, usage: "[<plugin1> [<plugin2> ...]] [--offline] [--online]", summary: "Enables one or more plugins, disables the rest", max: -1,
		run: func(c *call) error { return c.changePlugins("set") }},
	{name: "is_enabled", tools: pluginsOnly, usage: "<plugin1> [ <plugin2>] [--offline] [--online]", summary: "Health check that exits with a non-zero code if provided plugins are not enabled on target node", min: 1, max: -1, run: pluginsEnabled},
	{name: "directories", tools: pluginsOnly, usage: "[--offline] [--online]", summary: "Displays plugin directory and enabled plugin file paths", run: pluginDirectories},
}

// pluginsState is the file of enabled plugins and what is in it, whether or not a node runs.
type pluginsState struct {
	path    string
	enabled []string
	running bool
	active  []string // those that the node has started
	off     []string // those that would be on by themselves
}

func (c *call) pluginsState() (s pluginsState, err error) {
	set, err := settings.Load(settings.Sources{Environ: c.Environ})
	if err != nil {
		return s, failed(exitUnavailable, "%s", err)
	}
	s.path = set.PluginsFile
	var d description
	if !c.opts.offline && c.node.get("/control/node", &d) == nil {
		s.path, s.running, s.active = d.PluginsFile, d.Running, d.Plugins
	}
	off, err := os.ReadFile(settings.DisabledFile(s.path))
	if err == nil {
		s.off, err = settings.ReadPlugins(string(off))
	}
	if err != nil && !os.IsNotExist(err) {
		return s, failed(exitUnavailable, "%s", err)
	}
	data, err := os.ReadFile(s.path)
	switch {
	case os.IsNotExist(err):
		s.enabled = slices.Clone(s.active)
	case err != nil:
		return s, failed(exitUnavailable, "%s", err)
	default:
		if s.enabled, err = settings.ReadPlugins(string(data)); err != nil { // PLUGIN-18: the file must be one term
			return s, failed(exitUnavailable, "{:cannot_read_enabled_plugins_file, '%s', {1, :erl_parse, 'bad term'}}", s.path)
		}
	}
	return s, nil
}

// write writes both lists.
func (s *pluginsState) write(names []string) error {
	if err := writeNames(s.path, names); err != nil {
		return err
	}
	off := settings.DisabledFile(s.path)
	if len(s.off) > 0 {
		return writeNames(off, s.off)
	}
	if err := os.Remove(off); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// switchOff notes which of the plugins that are on by themselves are off from now on.
func (s *pluginsState) switchOff(how string, names []string) {
	switch how {
	case "enable":
		s.off = without(s.off, plugins.WithRequired(names))
	case "disable":
		gone := slices.DeleteFunc(plugins.OnByThemselves(), func(name string) bool { return !slices.Contains(names, name) })
		s.off = append(without(s.off, gone), gone...)
	case "set":
		s.off = without(plugins.OnByThemselves(), plugins.WithRequired(names))
	}
}

// writeNames writes a list of names, and replaces the file in one step.
func writeNames(path string, names []string) error {
	slices.Sort(names)
	temporary := path + ".new"
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(temporary, fmt.Appendf(nil, "[%s].\n", strings.Join(names, ",")), 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// changePlugins enables, disables or sets plugins (PLUGIN-6 to PLUGIN-14).
func (c *call) changePlugins(how string) error {
	if len(c.args) == 0 && !c.opts.all && how != "set" { // PLUGIN-12: no name
		return c.misused("not enough arguments.", []string{how})
	}
	if len(c.args) > 0 && c.opts.all {
		return c.misused("Cannot set both --all and a list of plugins", append([]string{how}, c.args...))
	}
	s, err := c.pluginsState()
	if err != nil {
		return err
	}
	if c.opts.has("online") && !s.running { // PLUGIN-11: --online needs a node
		return c.misused("this command requires the target node to be running.", append([]string{how}, c.args...))
	}
	names := make([]string, len(c.args))
	for i, name := range c.args {
		names[i] = plugins.Canonical(name)
	}
	if c.opts.all {
		names = plugins.Names()
	}
	c.sayChange(how)
	if how != "disable" {
		if err := c.checkPlugins(how, names); err != nil {
			return err
		}
	}
	change := pluginsChange{how: how, wanted: nextPlugins(how, s.enabled, names)}
	off := s.off
	s.switchOff(how, names)
	before, after := plugins.WithRequired(s.enabled), plugins.WithRequired(change.wanted)
	// A plugin of exchanges that was on by itself stops all the same.
	change.stopped = append(without(before, after), without(without(s.off, off), before)...)
	change.started = append(without(after, before), without(without(off, s.off), after)...)
	if err := s.write(change.wanted); err != nil {
		return failed(exitUnavailable, "%s", err)
	}
	return c.applyPlugins(&s, &change)
}

// A pluginsChange is the change of the plugins.
type pluginsChange struct {
	how              string
	wanted           []string // in the file
	started, stopped []string // with those that others require
}

func (c *call) sayChange(how string) {
	verbing := map[string]string{"enable": "Enabling", "disable": "Disabling", "set": "Enabling"}[how]
	if c.opts.all {
		c.say("%s ALL plugins on node %s", verbing, c.node.name)
		return
	}
	c.say("%s", strings.Join(append([]string{verbing + " plugins on node " + c.node.name + ":"}, c.args...), "\n"))
}

// checkPlugins refuses names that are not there, all if one is bad (PLUGIN-8).
func (c *call) checkPlugins(how string, names []string) error {
	var missing []string
	for i, name := range names {
		if !plugins.Known(name) {
			missing = append(missing, c.args[i])
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if how == "set" { // PLUGIN-14: set says it otherwise
		return failed(exitData, "The following plugins were not found: %s", strings.Join(missing, ", "))
	}
	atoms := make([]string, len(missing))
	for i, name := range missing {
		atoms[i] = ":" + name
		if strings.ContainsAny(name, "-ABCDEFGHIJKLMNOPQRSTUVWXYZ") { // PLUGIN-7: such an atom is quoted
			atoms[i] = fmt.Sprintf(":%q", name)
		}
	}
	return failed(exitSoftware, "{:plugins_not_found, [%s]}", strings.Join(atoms, ", "))
}

func nextPlugins(how string, enabled, names []string) []string {
	var next []string
	switch how {
	case "enable":
		next = append(slices.Clone(enabled), names...)
	case "disable": // and what cannot do without
		next = plugins.Without(enabled, names)
	case "set":
		next = slices.Clone(names)
	}
	slices.Sort(next)
	return slices.Compact(next)
}

// applyPlugins tells a running node, and prints the outcome (PLUGIN-10, PLUGIN-11).
func (c *call) applyPlugins(s *pluginsState, change *pluginsChange) error {
	all := plugins.WithRequired(change.wanted)
	if len(all) == 0 {
		c.print("All plugins have been disabled.")
	} else {
		c.print("The following plugins have been configured:\n  %s", strings.Join(all, "\n  "))
	}
	c.print("Applying plugin configuration to %s...", c.node.name)
	if s.running {
		if err := c.node.do(http.MethodPut, "/control/plugins", map[string]any{"Plugins": change.wanted, "Disabled": s.off}, nil); err != nil {
			return err
		}
	}
	unchanged := len(change.started) == 0 && len(change.stopped) == 0
	if unchanged && change.how == "set" {
		c.print("nothing to do.")
	} else if unchanged {
		c.print("Plugin configuration unchanged.")
	}
	for _, part := range []struct {
		what, done string
		names      []string
	}{{"enabled", "started", change.started}, {"disabled", "stopped", change.stopped}} {
		if len(part.names) == 0 {
			continue
		}
		c.print("The following plugins have been %s:\n  %s\n", part.what, strings.Join(part.names, "\n  "))
		if s.running {
			c.print("%s %d plugins.", part.done, len(part.names))
		}
	}
	if s.running {
		return nil
	}
	if len(all) == 0 && !unchanged {
		c.print("nothing to do.")
	} else if !unchanged {
		c.print("set %d plugins.", len(all))
	}
	c.print("Offline change; changes will take effect at broker restart.")
	return nil
}

// without are the names of a that are not in b.
func without(a, b []string) []string {
	var list []string
	for _, name := range a {
		if !slices.Contains(b, name) {
			list = append(list, name)
		}
	}
	return list
}

// listPlugins prints a row for each plugin (PLUGIN-16).
func listPlugins(c *call) error {
	s, err := c.pluginsState()
	if err != nil {
		return err
	}
	pattern := ".*"
	if len(c.args) > 0 {
		pattern = c.args[0]
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return failed(exitUsage, "invalid pattern %s", pattern)
	}
	quiet := c.opts.quiet || c.opts.silent
	minimal := c.opts.has("m") || c.opts.has("minimal")
	if missing := without(s.enabled, plugins.Names()); len(missing) > 0 { // PLUGIN-17: named in the file and not there
		c.print("WARNING - plugins currently enabled but missing: %s\n", strings.Join(missing, ", "))
	}
	if !quiet && !minimal {
		status := "[failed to contact " + c.node.name + " - status not shown]"
		if s.running {
			status = "* = running on " + c.node.name
		}
		c.print("Listing plugins with pattern %q ...\n Configured: E = explicitly enabled; e = implicitly enabled\n | Status: %s\n |/", pattern, status)
	} else if !quiet {
		c.print("Listing plugins with pattern %q ...", pattern)
	}
	enabled := plugins.WithRequired(s.enabled)
	var rows []string
	width := 0
	for _, p := range plugins.All() {
		if re.MatchString(p.Name) && c.isAsked(slices.Contains(enabled, p.Name), slices.Contains(s.enabled, p.Name)) {
			rows, width = append(rows, p.Name), max(width, len(p.Name))
		}
	}
	for _, name := range rows {
		configured, running := " ", " "
		if slices.Contains(enabled, name) {
			configured = "e"
			if s.running {
				running = "*"
			}
		}
		if slices.Contains(s.enabled, name) {
			configured = "E"
		}
		if minimal {
			c.print("%s", name)
		} else {
			c.print("[%s%s] %-*s %s", configured, running, width, name, fullVersion("3.13"))
		}
	}
	return nil
}

// isAsked reports whether the options of list ask for a plugin.
func (c *call) isAsked(enabled, explicitly bool) bool {
	switch {
	case c.opts.has("E"):
		return explicitly
	case c.opts.has("implicitly-enabled"):
		return enabled && !explicitly
	case c.opts.has("e"), c.opts.has("enabled"):
		return enabled
	}
	return true
}

// pluginsEnabled is a check (PLUGIN-15).
func pluginsEnabled(c *call) error {
	s, err := c.pluginsState()
	if err != nil {
		return err
	}
	enabled := plugins.WithRequired(s.enabled)
	noun, verb := "plugin", "is"
	if len(c.args) > 1 {
		noun, verb = "plugins", "are"
	}
	names := strings.Join(c.args, ", ")
	c.say("Asking node %s if %s %s %s enabled...", c.node.name, noun, names, verb)
	for _, name := range c.args {
		if !slices.Contains(enabled, plugins.Canonical(name)) {
			return failed(exitUnavailable, "Plugin %s is not enabled on node %s. Enabled plugins and dependencies: %s", name, c.node.name, strings.Join(enabled, ", "))
		}
	}
	c.print("%s%s %s %s enabled on node %s", strings.ToUpper(noun[:1]), noun[1:], names, verb, c.node.name)
	return nil
}

func pluginDirectories(c *call) error {
	s, err := c.pluginsState()
	if err != nil {
		return err
	}
	c.say("Listing plugin directories used by node %s", c.node.name)
	c.print("Plugin archives directory: %s\nPlugin expansion directory: %s\nEnabled plugins file: %s", "(built in)", "(none)", s.path)
	return nil
}
