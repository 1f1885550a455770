package broker

import (
	"fmt"
	"slices"

	"github.com/rabbetmq/rabbet/broker/internal/topology"
)

// An ExchangeType is a type of exchanges, with the plugin of RabbitMQ that brings it.
type ExchangeType = topology.ExchangeType

// exchangeTypes are the types that exchanges can be declared with.
type exchangeTypes struct{ rules *topology.Env }

// SetDisabledExchangeTypes replaces Config.DisabledExchangeTypes. Exchanges of these types
// that are there stay. It fails for a type that there is not.
func (t *exchangeTypes) SetDisabledExchangeTypes(kinds []string) error {
	if err := t.rules.Closed(); err != nil {
		return err
	}
	if err := t.rules.DisableExchanges(slices.Clone(kinds)); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	return nil
}

// ExchangeTypes returns the types that exchanges can be declared with, by name: those of
// the profile that are not switched off.
func (t *exchangeTypes) ExchangeTypes() []ExchangeType { return t.rules.ExchangeTypes() }
