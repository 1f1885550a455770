package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// configFiles finds the files in RabbitMQ's format and those of Erlang terms, in the
// order in which they count.
func (env *environment) configFiles(src Sources, l *loader) (confs, terms []string) {
	add := func(path string) {
		if strings.HasSuffix(path, ".config") {
			terms = append(terms, path)
		} else {
			confs = append(confs, path)
		}
	}
	if src.Config != "" {
		add(src.Config)
		return confs, terms
	}
	switch path := env.get(configFile); {
	case path == "":
		for _, name := range []string{"rabbitmq.conf", "rabbitmq.config"} {
			if path := filepath.Join(env.dir, name); exists(path) {
				add(path)
				break
			}
		}
	default:
		if found := firstOf(path, path+".conf", path+".config"); found != "" {
			add(found)
		} else {
			l.fail(fmt.Errorf("cannot read %s, which %s names: there is no such file", path, configFile))
		}
	}
	confs = append(confs, env.moreFiles(l)...)
	switch path := env.get(advancedFile); {
	case path == "":
		if path := filepath.Join(env.dir, "advanced.config"); exists(path) {
			terms = append(terms, path)
		}
	default:
		if found := firstOf(path, path+".config"); found != "" {
			terms = append(terms, found)
		} else {
			l.fail(fmt.Errorf("cannot read %s, which %s names: there is no such file", path, advancedFile))
		}
	}
	return confs, terms
}

// moreFiles are those of conf.d, or of the folder or pattern that a variable names.
func (env *environment) moreFiles(l *loader) []string {
	pattern := env.get(configFiles)
	if pattern == "" {
		pattern = filepath.Join(env.dir, "conf.d")
	}
	if info, err := os.Stat(pattern); err == nil && info.IsDir() {
		pattern = filepath.Join(pattern, "*.conf")
	}
	paths, err := filepath.Glob(pattern)
	if err != nil {
		l.fail(fmt.Errorf("%s: bad pattern %q", configFiles, pattern))
	}
	slices.Sort(paths)
	return paths
}

// firstOf is the first path that is a file; "" if none is.
func firstOf(paths ...string) string {
	for _, path := range paths {
		if exists(path) {
			return path
		}
	}
	return ""
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
