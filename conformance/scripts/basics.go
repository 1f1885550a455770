// The scripts on publishing, consuming and settling.

package scripts

import "slices"

var basicScripts = slices.Concat(
	basicPublishScripts,
	basicConfirmScripts,
	basicConsumeScripts,
	basicQosScripts,
	basicTurnScripts,
	basicAckScripts,
	basicRequeueScripts,
	basicReplyToScripts,
	replyRouteScripts,
	edgeScripts,
	basicTxScripts,
	singleActiveScripts,
	basicWireScripts,
	ackTimeoutScripts,
)
