package main

import (
	"slices"

	"github.com/rabbetmq/rabbet/broker"
	"github.com/rabbetmq/rabbet/broker/access"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/authhttp"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/tlsconf"
	"github.com/rabbetmq/rabbet/delay"
)

// backends says who checks logins and permissions, if it is not the broker alone.
func backends(cfg *broker.Config, a *settings.Access) error {
	internal := settings.Backend{AuthN: "internal", AuthZ: "internal"}
	if !slices.ContainsFunc(a.Backends, func(b settings.Backend) bool { return b != internal }) {
		return nil
	}
	tls, err := tlsconf.Client(&a.HTTP.TLS, "auth_http.ssl_options", a.HTTP.SNI, a.HTTP.HostnameVerification == "wildcard")
	if err != nil {
		return err
	}
	http := authhttp.New(authhttp.Config{
		Method: a.HTTP.Method, UserPath: a.HTTP.UserPath, VHostPath: a.HTTP.VHostPath, ResourcePath: a.HTTP.ResourcePath, TopicPath: a.HTTP.TopicPath,
		RequestTimeout: a.HTTP.RequestTimeout, ConnectTimeout: a.HTTP.ConnectTimeout, TLS: tls,
	})
	cfg.Authenticator = func(internal access.Authenticator) access.Authenticator {
		byName := map[string]access.Authenticator{"internal": internal, "http": http}
		stage := func(b settings.Backend) access.Stage {
			s := access.Stage{Authentication: byName[b.AuthN]}
			if b.AuthZ != b.AuthN {
				s.Authorization = byName[b.AuthZ]
			}
			return s
		}
		if c := &a.Cache; c.Backend.AuthN != "" {
			byName["cache"] = authhttp.NewCache(access.Chain(stage(c.Backend)), c.TTL, c.CacheRefusals, delay.Real{})
		}
		var stages []access.Stage
		for _, b := range a.Backends {
			stages = append(stages, stage(b))
		}
		return access.Chain(stages...)
	}
	return nil
}
