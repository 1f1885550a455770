package settings

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/conffile"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/erlterm"
)

// A termKey is how a setting of advanced.config becomes one of rabbitmq.conf: the keys
// with their values, or an error.
type termKey func(term erlterm.Term) ([]keyValue, error)

type keyValue struct{ key, value string }

// termKeys are the settings that are read, by application and name. Others are
// refused, since nobody would know that they do nothing.
var termKeys = map[string]termKey{
	"rabbit.tcp_listeners":            listenersTerm("listeners.tcp"),
	"rabbit.ssl_listeners":            listenersTerm("listeners.ssl"),
	"rabbit.ssl_options":              groupTerm("ssl_options", "cacertfile", "certfile", "keyfile", "password", "verify", "fail_if_no_peer_cert", "depth", "versions"),
	"rabbit.default_user":             scalarTerm("default_user"),
	"rabbit.default_pass":             scalarTerm("default_pass"),
	"rabbit.default_vhost":            scalarTerm("default_vhost"),
	"rabbit.default_permissions":      permissionsTerm,
	"rabbit.default_user_tags":        flagsTerm("default_user_tags", ""),
	"rabbit.loopback_users":           flagsTerm("loopback_users", "none"),
	"rabbit.auth_mechanisms":          numberedTerm("auth_mechanisms"),
	"rabbit.auth_backends":            numberedTerm("auth_backends"),
	"rabbit.heartbeat":                scalarTerm("heartbeat"),
	"rabbit.frame_max":                scalarTerm("frame_max"),
	"rabbit.channel_max":              scalarTerm("channel_max"),
	"rabbit.connection_max":           scalarTerm("connection_max"),
	"rabbit.max_message_size":         scalarTerm("max_message_size"),
	"rabbit.consumer_timeout":         scalarTerm("consumer_timeout"),
	"rabbit.handshake_timeout":        scalarTerm("handshake_timeout"),
	"rabbit.proxy_protocol":           scalarTerm("proxy_protocol"),
	"rabbit.default_queue_type":       scalarTerm("default_queue_type"),
	"rabbit.ssl_cert_login_from":      scalarTerm("ssl_cert_login_from"),
	"rabbit.vm_memory_high_watermark": watermarkTerm("vm_memory_high_watermark", "absolute"),
	"rabbit.disk_free_limit":          diskTerm,
	"rabbit.log":                      logTerm,
	"rabbit.load_definitions":         scalarTerm("load_definitions"),

	"rabbitmq_management.load_definitions": scalarTerm("management.load_definitions"),
	"rabbitmq_management.listener":         groupTerm("management.listener", "port", "ip", "ssl"),
	"rabbitmq_management.tcp_config":       groupTerm("management.tcp", "port", "ip"),
	"rabbitmq_management.path_prefix":      scalarTerm("management.path_prefix"),
	"rabbitmq_management.rates_mode":       scalarTerm("management.rates_mode"),
	"rabbitmq_prometheus.tcp_config":       groupTerm("prometheus.tcp", "port", "ip"),
}

// termEntries reads a file of Erlang terms: a list of applications with their
// settings.
func termEntries(path, text string) ([]conffile.Entry, []error) {
	term, err := erlterm.Parse(text)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: %w", path, err)}
	}
	var entries []conffile.Entry
	var errs []error
	err = eachPair(term, func(app string, settings erlterm.Term) error {
		return eachPair(settings, func(name string, term erlterm.Term) error {
			more, err := termSetting(path, app+"."+name, term)
			entries = append(entries, more...)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", path, err))
			}
			return nil
		})
	})
	if err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", path, err))
	}
	return entries, errs
}

// termSetting is one setting of an application, as entries of rabbitmq.conf.
func termSetting(path, name string, term erlterm.Term) ([]conffile.Entry, error) {
	convert := termKeys[name]
	if convert == nil {
		return nil, fmt.Errorf("%s is not read from Erlang terms here: move it to rabbitmq.conf, or take it out", name)
	}
	pairs, err := convert(term)
	if err != nil {
		return nil, fmt.Errorf("bad value of %s: %w", name, err)
	}
	var entries []conffile.Entry
	for _, p := range pairs {
		entries = append(entries, conffile.Entry{Key: splitWords(p.key), Value: p.value, Place: conffile.Place{File: path}})
	}
	return entries, nil
}

// splitWords splits a key of ours, in which \. is a dot of a word.
func splitWords(key string) []string {
	words := strings.Split(strings.ReplaceAll(key, `\.`, "\x00"), ".")
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "\x00", ".")
	}
	return words
}

// eachPair calls a function for each {name, value} of a list.
func eachPair(term erlterm.Term, do func(name string, value erlterm.Term) error) error {
	list, ok := term.(erlterm.List)
	if !ok {
		return fmt.Errorf("a list of {name, value} is expected, not %s", describe(term))
	}
	for _, item := range list {
		pair, ok := item.(erlterm.Tuple)
		if !ok || len(pair) != 2 {
			return fmt.Errorf("{name, value} is expected, not %s", describe(item))
		}
		name, ok := pair[0].(erlterm.Atom)
		if !ok {
			return fmt.Errorf("a name is expected, not %s", describe(pair[0]))
		}
		if err := do(string(name), pair[1]); err != nil {
			return err
		}
	}
	return nil
}

// describe says of what type a term is; its value may be a secret.
func describe(term erlterm.Term) string {
	switch term.(type) {
	case erlterm.Atom:
		return "an atom"
	case erlterm.Tuple:
		return "a tuple"
	case erlterm.List:
		return "a list"
	case erlterm.Map:
		return "a map"
	case int64, float64:
		return "a number"
	}
	return "text"
}

// scalar is a term that is one value, as rabbitmq.conf has it.
func scalar(term erlterm.Term) (string, error) {
	switch v := term.(type) {
	case erlterm.Atom:
		return string(v), nil
	case string:
		return v, nil
	case erlterm.Binary:
		return string(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case erlterm.Tuple: // {127,0,0,1}
		var parts []string
		for _, part := range v {
			n, ok := part.(int64)
			if !ok || len(v) != 4 {
				return "", errors.New("one value is expected, not a tuple")
			}
			parts = append(parts, strconv.FormatInt(n, 10))
		}
		return strings.Join(parts, "."), nil
	}
	return "", fmt.Errorf("one value is expected, not %s", describe(term))
}

func scalarTerm(key string) termKey {
	return func(term erlterm.Term) ([]keyValue, error) {
		text, err := scalar(term)
		return []keyValue{{key, text}}, err
	}
}

// listenersTerm reads [5672, {"127.0.0.1", 5673}].
func listenersTerm(key string) termKey {
	return func(term erlterm.Term) ([]keyValue, error) {
		list, ok := term.(erlterm.List)
		if !ok {
			return nil, fmt.Errorf("a list is expected, not %s", describe(term))
		}
		if len(list) == 0 {
			return []keyValue{{key, "none"}}, nil
		}
		var out []keyValue
		for i, item := range list {
			var words []string
			parts, ok := item.(erlterm.Tuple)
			if !ok {
				parts = erlterm.Tuple{item}
			}
			for _, part := range parts {
				text, err := scalar(part)
				if err != nil {
					return nil, err
				}
				if strings.Contains(text, ":") && len(parts) == 2 {
					text = "[" + text + "]"
				}
				words = append(words, text)
			}
			out = append(out, keyValue{fmt.Sprintf("%s.%d", key, i+1), strings.Join(words, ":")})
		}
		return out, nil
	}
}

// groupTerm reads a list of {name, value} whose names are words of keys.
func groupTerm(prefix string, known ...string) termKey {
	return func(term erlterm.Term) ([]keyValue, error) {
		var out []keyValue
		err := eachPair(term, func(name string, value erlterm.Term) error {
			if !contains(known, name) {
				return fmt.Errorf("%s is not read from Erlang terms here", name)
			}
			if list, ok := value.(erlterm.List); ok {
				more, err := numberedTerm(prefix + "." + name)(list)
				out = append(out, more...)
				return err
			}
			text, err := scalar(value)
			out = append(out, keyValue{prefix + "." + name, text})
			return err
		})
		return out, err
	}
}

// numberedTerm reads a list of values.
func numberedTerm(key string) termKey {
	return func(term erlterm.Term) ([]keyValue, error) {
		list, ok := term.(erlterm.List)
		if !ok {
			return nil, fmt.Errorf("a list is expected, not %s", describe(term))
		}
		var out []keyValue
		for i, item := range list {
			text, err := scalar(item)
			if err != nil {
				return nil, err
			}
			out = append(out, keyValue{fmt.Sprintf("%s.%d", key, i+1), text})
		}
		return out, nil
	}
}

// flagsTerm reads a list of names that are keys of their own; an empty one is the
// value given.
func flagsTerm(key, empty string) termKey {
	return func(term erlterm.Term) ([]keyValue, error) {
		list, err := numberedTerm(key)(term)
		if err == nil && len(list) == 0 && empty != "" {
			return []keyValue{{key, empty}}, nil
		}
		for i := range list {
			list[i] = keyValue{key + "." + strings.ReplaceAll(list[i].value, ".", `\.`), "true"}
		}
		return list, err
	}
}

// permissionsTerm reads [<<".*">>, <<".*">>, <<".*">>]: configure, write, read.
func permissionsTerm(term erlterm.Term) ([]keyValue, error) {
	list, err := numberedTerm("default_permissions")(term)
	if err == nil && len(list) != 3 {
		err = fmt.Errorf("three patterns are expected, not %d", len(list))
	}
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"configure", "write", "read"} {
		list[i].key = "default_permissions." + name
	}
	return list, nil
}

// watermarkTerm reads 0.4 or {absolute, 1000}.
func watermarkTerm(key, word string) termKey {
	return func(term erlterm.Term) ([]keyValue, error) {
		pair, ok := term.(erlterm.Tuple)
		if !ok {
			return scalarTerm(key + ".relative")(term)
		}
		if len(pair) != 2 || pair[0] != erlterm.Atom(word) {
			return nil, fmt.Errorf("{%s, value} is expected, not %v", word, term)
		}
		return scalarTerm(key + ".absolute")(pair[1])
	}
}

// diskTerm reads 50000000, "1GB" or {mem_relative, 1.0}.
func diskTerm(term erlterm.Term) ([]keyValue, error) {
	pair, ok := term.(erlterm.Tuple)
	if !ok {
		return scalarTerm("disk_free_limit.absolute")(term)
	}
	if len(pair) != 2 || pair[0] != erlterm.Atom("mem_relative") {
		return nil, fmt.Errorf("{mem_relative, value} is expected, not %s", describe(term))
	}
	return scalarTerm("disk_free_limit.relative")(pair[1])
}

// logTerm reads [{console, [{enabled, true}, {level, debug}]}, {file, [{level, info}]}].
func logTerm(term erlterm.Term) ([]keyValue, error) {
	var out []keyValue
	err := eachPair(term, func(target string, settings erlterm.Term) error {
		return eachPair(settings, func(name string, value erlterm.Term) error {
			text, err := scalar(value)
			if err != nil {
				return err
			}
			key := "log." + target
			switch name {
			case "enabled", "file":
			case "level":
				key += ".level"
			default:
				return fmt.Errorf("%s.%s is not read from Erlang terms here", target, name)
			}
			out = append(out, keyValue{key, text})
			return nil
		})
	})
	return out, err
}

// erlArgs reads "-rabbit key value" out of arguments for Erlang, and notes the others.
func (env *environment) erlArgs(name string, l *loader) {
	text := env.get(name)
	if text == "" {
		return
	}
	before, rest, found := strings.Cut(" "+text, " -rabbit ")
	if !found || strings.TrimSpace(before) != "" {
		l.note("%s has no effect here", name)
	}
	for found {
		var setting string
		setting, rest, found = strings.Cut(rest, " -rabbit ")
		key, value, _ := strings.Cut(strings.TrimSpace(setting), " ")
		term, err := erlterm.Parse(strings.Trim(strings.TrimSpace(value), "'") + " .")
		var entries []conffile.Entry
		if err == nil {
			entries, err = termSetting(name, "rabbit."+key, term)
		}
		if err != nil {
			l.fail(usage(fmt.Errorf("%s: -rabbit %s: %w", name, key, err)))
			continue
		}
		l.apply(entries)
	}
}
