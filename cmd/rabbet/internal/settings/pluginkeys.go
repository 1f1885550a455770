package settings

import "strings"

const plugged = "Plugins"

var pluginOptions = []Option{
	{Section: plugged, Key: "event_exchange.vhost", Help: "virtual host of amq.rabbitmq.event, which the plugin rabbitmq_event_exchange brings; the default one by default",
		key: field(text, func(s *Settings) *string { return &s.EventVHost })},
	{Section: plugged, Flag: "disable-exchange-types", Arg: "types", Key: "disabled_exchange_types", Env: []string{"RABBET_DISABLE_EXCHANGE_TYPES"},
		Help: "refuse exchanges of these `types`, such as x-random,x-recent-history, as RabbitMQ does without their plugins",
		flag: exchangeTypes, key: exchangeTypes},
}

// exchangeTypes is a list of types of exchanges.
var exchangeTypes = value{"names with commas between them", func(s *Settings, _ []string, text string) error {
	s.DisabledExchangeTypes = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	return nil
}, func(s *Settings) string { return strings.Join(s.DisabledExchangeTypes, ",") }}
