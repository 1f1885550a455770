package ledger

import "github.com/rabbetmq/rabbet/broker/tap"

// actNames are the names of the acts.
var actNames = map[tap.Act]string{
	tap.ActSwallow: "swallow", tap.ActNack: "nack", tap.ActUnroutable: "return-unroutable",
	tap.ActUnconfirmed: "drop-confirm", tap.ActCloseChannel: "close-channel",
	tap.ActCloseConnection: "close-connection", tap.ActRefuse: "refuse-login", tap.ActReset: "reset-tcp",
	tap.ActDamage: "corrupt", tap.ActDamageBody: "corrupt-body", tap.ActTwice: "deliver-twice",
	tap.ActBlock: "block-connection",
}

// ActName is what a Fault is called: "" for tap.ActPass.
func ActName(act tap.Act) string { return actNames[act] }
