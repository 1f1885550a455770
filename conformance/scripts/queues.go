// The scripts on queues.

package scripts

import "slices"

var queueScripts = slices.Concat(
	queueDeclareScripts,
	queueExclusiveScripts,
	queueDeleteScripts,
	queueArgumentScripts,
	ttlScripts,
	ttlExpiresScripts,
	ttlDelayScripts,
	limitScripts,
	limitRejectScripts,
	deadLetterScripts,
	deadHistoryScripts,
	deadRouteScripts,
	priorityScripts,
	quorumScripts,
	streamScripts,
)
