package settings

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/plugins"
)

// resolve makes the fields that depend on several options, once all are read.
func (l *loader) resolve() error {
	s := l.settings
	if err := l.resolveListen(); err != nil {
		return err
	}
	for _, t := range []*TLS{&s.TLS, &s.Access.HTTP.TLS, &s.Management.TLS, &s.Prometheus.TLS} {
		t.Versions, t.Ciphers = ordered(t.versions), ordered(t.ciphers)
	}
	s.resolveAccess()
	s.resolveLimits()
	l.resolveDoors()
	return errors.Join(l.resolveLog(), l.check())
}

// resolveListen finds the addresses. A port or an address of the environment loses to
// those of a file, as in RabbitMQ; one of a flag wins.
func (l *loader) resolveListen() error {
	s := &l.settings.Listen
	byFlag := l.isFlag("ip") || l.isFlag("port")
	switch own := (Address{s.ip, s.port}); {
	case len(s.flags) > 0 && byFlag:
		return usage(errors.New("--listen takes the place of --ip and --port: give one or the other"))
	case len(s.flags) > 0:
		if err := s.add(s.flags, "127.0.0.1"); err != nil {
			return err
		}
	case byFlag:
		s.TCP = []Address{own}
	case s.noTCP:
	case len(s.tcp) > 0:
		if err := s.add(ordered(s.tcp), ""); err != nil {
			return err
		}
	default:
		s.TCP = []Address{own}
	}
	if !byFlag && (s.noTCP || len(s.tcp) > 0) {
		for _, flag := range []string{"port", "ip"} {
			if g, ok := l.given["--"+flag]; ok {
				l.note("%s is ignored, because a configuration file sets listeners.tcp", g.origin)
			}
		}
	}
	if s.noTLS {
		return nil
	}
	for _, text := range ordered(s.tls) {
		a, _, err := parseListener(text, "")
		if err != nil {
			return err
		}
		s.TLS = append(s.TLS, a)
	}
	return nil
}

// add adds listeners. A port alone is on the host given.
func (s *Listen) add(texts []string, bare string) error {
	for _, text := range texts {
		a, unix, err := parseListener(text, bare)
		switch {
		case err != nil:
			return err
		case unix != "":
			s.Unix = append(s.Unix, unix)
		default:
			s.TCP = append(s.TCP, a)
		}
	}
	return nil
}

func (s *Settings) resolveAccess() {
	a := &s.Access
	a.DefaultTags, a.LoopbackUsers = []string{"administrator"}, []string{"guest"}
	if a.tags != nil {
		a.DefaultTags = chosen(a.tags)
	}
	if a.loopback != nil { // even for one user alone it takes the place of the default
		a.LoopbackUsers = chosen(a.loopback)
	}
	if a.mechanisms != nil {
		a.Mechanisms = ordered(a.mechanisms)
	}
	for _, b := range ordered(a.backends) {
		a.Backends = append(a.Backends, Backend{cmp.Or(b.AuthN, b.AuthZ), cmp.Or(b.AuthZ, b.AuthN)})
	}
	if a.Backends == nil {
		a.Backends = []Backend{{"internal", "internal"}}
	}
	b := &a.Cache.Backend
	*b = Backend{cmp.Or(b.AuthN, b.AuthZ, "internal"), cmp.Or(b.AuthZ, b.AuthN, "internal")} // AUTHHTTP-22: internal by default
	if strings.HasPrefix(a.CertLoginFrom, "subject_alt") {
		a.CertLoginFrom = "subject_alternative_name"
	}
	for name, u := range a.users {
		for tag := range strings.SplitSeq(u.tags, ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				u.Tags = append(u.Tags, tag)
			}
		}
		put(&a.Users, name, u.User)
	}
}

func (s *Settings) resolveLimits() {
	for name, limit := range s.Limits.vhostLimits {
		put(&s.Limits.VHostLimits, name, *limit)
	}
	for name, policy := range s.Limits.operatorPolicies {
		put(&s.Limits.OperatorPolicies, name, *policy)
	}
}

// resolveDoors opens doors as the list of plugins says, if there is one, and puts them
// where AMQP is.
func (l *loader) resolveDoors() {
	s := l.settings
	if s.Plugins != nil {
		for plugin, door := range map[string]*bool{"rabbitmq_management": &s.Management.Enabled, "rabbitmq_prometheus": &s.Prometheus.Enabled} {
			flag := strings.TrimPrefix(plugin, "rabbitmq_")
			if _, byHand := l.given["--"+flag]; !byHand {
				*door = *door && contains(plugins.WithRequired(s.Plugins), plugin)
			}
		}
	}
	if m := &s.Management; m.listenerTLS {
		m.TLSEnabled, m.TLSAddress, m.Enabled = true, m.Address, false
	}
	host := s.Listen.ip
	if len(s.Listen.TCP) > 0 {
		host = s.Listen.TCP[0].Host
	} else if len(s.Listen.TLS) > 0 {
		host = s.Listen.TLS[0].Host
	}
	for _, a := range []*Address{&s.Management.Address, &s.Management.TLSAddress, &s.Prometheus.Address, &s.Prometheus.TLSAddress} {
		a.Host = cmp.Or(a.Host, host)
	}
	s.Management.Origins = ordered(s.Management.origins)
}

// resolveLog finds where the log's files are. Without a console there is one.
func (l *loader) resolveLog() error {
	s := l.settings
	if s.Log.File == "" && !s.Log.Console {
		s.Log.File = s.NodeName + ".log"
	}
	if s.Log.File == "" || filepath.IsAbs(s.Log.File) {
		return nil
	}
	dir := s.Log.dir
	if g := l.given["--log-file"]; g.isFlag || g.isEnv { // a path as a shell has it
		return nil
	}
	if dir == "" {
		if dir = s.DataDir; dir == "" {
			return fmt.Errorf("there is no folder for the log file %s: give its whole path", s.Log.File)
		}
		dir = filepath.Join(dir, "log")
	}
	s.Log.File = filepath.Join(dir, s.Log.File)
	return nil
}

// check refuses what cannot be meant.
func (l *loader) check() error {
	s := l.settings
	var dirByFlag = l.isFlag("data-dir")
	switch {
	case s.Memory && dirByFlag:
		return usage(errors.New("--memory keeps nothing in the folder of --data-dir: give one of the two"))
	case s.ManualClock && s.TestControl == "":
		return usage(errors.New("--manual-clock needs --test-control, which moves it"))
	case len(s.Listen.TCP)+len(s.Listen.TLS)+len(s.Listen.Unix) == 0:
		return errors.New("there is no listener: listeners.tcp is none, and there is no listeners.ssl")
	}
	if a := &s.Access; a.Validator == "password_regexp" && a.ValidatorRegexp == "" {
		return errors.New("credential_validator.validation_backend is password_regexp, and credential_validator.regexp is not set")
	}
	if b := s.Access.Cache.Backend; b.AuthN == "cache" || b.AuthZ == "cache" {
		return errors.New("auth_cache.cached_backend cannot be cache itself")
	}
	return nil
}

func contains(list []string, name string) bool {
	for _, have := range list {
		if have == name {
			return true
		}
	}
	return false
}

// IsFlag reports whether a flag gave a value, by the flag's name.
func (r *Result) IsFlag(name string) bool { return r.given["--"+name].isFlag }

// IsGiven reports whether anything gave a value to the option of a flag.
func (r *Result) IsGiven(flag string) bool {
	_, given := r.given["--"+flag]
	return given
}
