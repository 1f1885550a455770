// The scripts on exchanges and routing.

package scripts

import "slices"

var exchangeScripts = slices.Concat(
	exchangeDeclareScripts,
	exchangeDeleteScripts,
	exchangeBindingScripts,
	exchangeTypeScripts,
	exchangeModelScripts,
	exchangeAlternateScripts,
	exchangeDelayedScripts,
	exchangePluginScripts,
	systemExchangeScripts,
	deduplicationScripts,
)
