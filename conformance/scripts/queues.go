// The scripts on queues.

package scripts

import "slices"

var queueScripts = slices.Concat(
	queueDeclareScripts,
	queueExclusiveScripts,
	queueDeleteScripts,
	queueArgumentScripts,
	argumentOrderScripts,
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
	quorumSettleScripts,
	streamScripts,
	queueDeduplicationScripts,
)
