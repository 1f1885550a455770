// The scripts on exchanges and routing.

package conformance

import "slices"

var exchangeScripts = slices.Concat(
	exchangeDeclareScripts,
	exchangeDeleteScripts,
	exchangeBindingScripts,
	exchangeTypeScripts,
	exchangeModelScripts,
	exchangeAlternateScripts,
	exchangeDelayedScripts,
)
