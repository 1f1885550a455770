package scripts

import "slices"

// connectionScripts show how connections and channels begin, fail and end.
var connectionScripts = slices.Concat(
	connectionStartScripts,
	connectionLoginScripts,
	connectionTuneScripts,
	connectionHeartbeatScripts,
	connectionFrameScripts,
	connectionContentScripts,
	connectionChannelScripts,
	connectionCloseScripts,
	connectionEdgeScripts,
)
