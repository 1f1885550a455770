// The ledger of DIFFERENCES.md: in what Rabbet differs from RabbitMQ on purpose, and in what older
// versions of RabbitMQ differ from 3.13 as far as scripts have to know it.

package conformance

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/rabbetmq/rabbet/conformance/scripts"
)

// difference is something that Rabbet does otherwise than RabbitMQ, on purpose.
type difference struct {
	Behaviours []string // that it is about, if any
	RabbitMQ   string   // what RabbitMQ does
	Rabbet     string   // what Rabbet does
	Why        string
}

// Versiondifference is something that changed in RabbitMQ up to 3.13. A script that
// meets it asks for the version that it judges, or is bound to some versions.
type versionDifference struct {
	Behaviours  []string
	Since       Version // the first version of the new way
	Before, Now string
}

// differences is the ledger of Rabbet.
var differences = []difference{
	{[]string{"BASIC-40", "BASIC-41"},
		"When the active consumer of a single-active-consumer queue cancels, a classic queue with ready messages may stall until something else happens; in 3.10 a publish then crashes it.",
		"The next consumer takes over at once.",
		"The stall is a defect. No script asks for it."},
	{[]string{"QUEUE-42", "ERR-4"},
		"An unknown x-queue-master-locator crashes the declare: 541.",
		"It is refused with 406, as other bad arguments are.",
		"The crash is a defect, and closes a connection with everything on it."},
	{[]string{"QUEUE-39", "ERR-4"},
		"A server-named queue whose x-queue-type is no string crashes the declare: 541.",
		"It is refused with 406, as with a name.",
		"The crash is a defect."},
	{[]string{"EXCH-11", "QUEUE-9", "ERR-4"},
		"A redeclare of an exchange or a queue with a decimal for an argument that is compared, where there is another value, crashes: 541.",
		"It is refused with 406, as other values are.",
		"The crash is a defect."},
	{[]string{"QUEUE-54", "QUEUE-88"},
		"In a queue with priorities a message that is due at once and goes ahead of others stays, counted as ready, until something else happens, and basic.get may return it.",
		"It expires at once.",
		"An expired message must not be delivered."},
	{[]string{"CONN-71", "BASIC-58"},
		"When an error on a channel closes the connection, what that channel held may go to consumers on other channels of the connection, where with no-ack it is lost.",
		"No consumer of a connection that ends is given anything.",
		"Which channel ends first is a matter of time, and a message is worth keeping."},
	{[]string{"QUEUE-9"},
		"A table, an array or a term that a text quotes is broken into lines when it is long, and so is a long number.",
		"It is on one line.",
		"No program reads it."},
	{[]string{"QUEUE-5"},
		"A cancelled consumer of a quorum queue counts in declare-ok until its deliveries are settled.",
		"It counts no more. What basic.get holds of a quorum queue counts in both.",
		"Nobody waits for a consumer that has gone."},
	{[]string{"QUEUE-72"},
		"A dead-letter routing key of more than 255 bytes crashes the delivery.",
		"It is cut to 255 bytes.",
		"The message would be lost, and the consumer's connection with it."},
	{[]string{"EXCH-45", "QUEUE-72"},
		"A key in the header BCC may be of any length, and counts again when the message is dead-lettered.",
		"When the message is dead-lettered, only the first 255 bytes of each key count.",
		"No queue name or direct binding key is longer; only a topic exchange could tell, by what comes after."},
	{[]string{"BASIC-77", "ERR-4"},
		"From 4.0 on to declare a queue by a malformed name of a direct reply crashes: 541.",
		"There is no such queue: 404, as before.",
		"The crash is a defect, and closes a connection with everything on it."},
	{[]string{"QUEUE-73", "QUEUE-92", "QUEUE-94", "BASIC-59"},
		"From 4.0 on a dead letter that a client rejected or nacked in a quorum queue arrives in another one redelivered, with x-delivery-count 1 until it comes back; the limit begins anew. In 4.3 it brings the x-delivery-count of basic.reject along, that of a classic queue too, which goes on towards the next queue's delivery limit and marks it as redelivered in any queue, also when it expires or is dropped later; one that basic.nack ended does not, and x-acquired-count is shown until it comes back.",
		"It begins anew: not redelivered, without counts.",
		"The counts belong to a message's place in one queue here."},
	{[]string{"BASIC-86", "QUEUE-69"},
		"A quorum queue at its limit with reject-publish answers the publishes of a transaction with commit-ok, whether it has kept them or not. It takes the first publish of each channel that it has not seen before.",
		"It rejects them all, and tx.commit fails with 406.",
		"The publisher would take for stored what is not."},
	{[]string{"QUEUE-65", "PERSIST-1"},
		"A queue that holds more than its limit with reject-publish, since messages came back to it, drops some of them at a restart.",
		"It keeps them, the head too.",
		"They were confirmed."},
	{[]string{"PERSIST-7"},
		"A queue that was declared a moment before a kill may be forgotten or come back empty, although messages in it were confirmed.",
		"What is confirmed is stored after the queue that holds it.",
		"What was confirmed would be lost. Scripts restart the broker in order before they kill it."},
	{[]string{"POLICY-12"},
		"A time in a policy may be of any length.",
		"One of more than ten years counts as ten years, the longest that a queue's argument can give.",
		"Nobody waits for that long, and times in microseconds must not overflow."},
	{[]string{"BASIC-88"},
		"Whatever a client sends on a channel after tx.commit and before commit-ok closes its connection with 504, if it comes in time.",
		"It waits until the commit is done.",
		"Whether it is refused depends on how long the commit takes, so no client can rely on it."},
	{[]string{"BASIC-73"},
		"Replies to a client that does not read pile up without limit.",
		"Direct replies are dropped once 16 MiB wait for a client.",
		"No queue can hold them back, and the memory is the host program's."},
	{[]string{"CONN-9"},
		"server-properties name Erlang, its version, and the copyright of RabbitMQ.",
		"product is RabbitMQ and version that of the profile, since clients decide by them; platform is Go, and information and copyright are Rabbet's own.",
		"What clients look at has to be alike, what they show should be true."},
	{[]string{"ERR-4", "CONN-44"},
		"The log shows crash reports in Erlang's terms.",
		"The log says in a line what was wrong.",
		"No client sees it."},
	{[]string{"POLICY-1", "PERM-1"},
		"Patterns are PCRE, matched against bytes; recursion and branch resets such as (?R) and (?|...) work.",
		"They are matched against characters; those two are refused. A match that takes longer than 50 ms three times counts as none.",
		"It shows in names beyond ASCII alone, where a dot is one character and not one byte. One pattern cannot hold up the broker."},
	{[]string{"PERM-14"},
		"A channel remembers what was permitted until it is idle, so a revoked permission may work for a while.",
		"A revocation counts from the next operation on.",
		"A user who is locked out should be."},
	{[]string{"PERSIST-17"},
		"An import of definitions leaves what came before the first error.",
		"It changes nothing then, and names every error with its place.",
		"Half of a topology helps nobody."},
	{[]string{"LIMIT-4"},
		"3.13 tells who has too many channels the name of the node in the place of the user's.",
		"It tells the user's.",
		"It is a defect of one version."},
	{[]string{"SHOVEL-1", "SHOVEL-3"},
		"A shovel whose value is no object, or of an unknown protocol, crashes: 500. A URI that cannot be parsed is shown with a stack trace, and long terms in several lines.",
		"400, with a text of the same form, in one line.",
		"The crash is a defect."},
	{[]string{"SHOVEL-9"},
		"A user who may read parameters or definitions reads the passwords in the URIs of shovels and upstreams.",
		"The API shows `*****` instead, and takes a value with the stars for the one that is there. Administrators get them with credentials=show, and rabbitmqctl export_definitions has them.",
		"Secrets do not belong on screens and in files that are passed around."},
	{[]string{"SHOVEL-2"},
		"A reconnect-delay that is no whole number never reconnects.",
		"It is a time in seconds.",
		"It says what it says."},
	{[]string{"SHOVEL-4"},
		"amqps:// without verify does what the Erlang release does by default.",
		"The peer's certificate is verified, unless verify=verify_none.",
		"An end that is not who it says must not get messages."},
	{[]string{"FEDERATION-1"},
		"Upstreams of federation are linked with the plugin, and refused without it.",
		"They are kept and shown, the log says that nothing is linked, and /api/federation-links is empty.",
		"Definitions of a broker that has the plugin come in, and monitoring that asks for links gets an answer."},
	{[]string{"POLICY-6"},
		"Policies with federation-upstream are refused without the plugin.",
		"They are kept and shown, and have no effect.",
		"Definitions of a broker that has the plugin come in."},
	{[]string{"STREAM-18", "STREAM-20", "ERR-4"},
		"A decimal in the headers, or an x-stream-filter-value that is no string, crashes a publish to a stream: 541.",
		"The decimal is kept, and the message has no filter value.",
		"The crash is a defect, and closes a connection with everything on it."},
	{[]string{"STREAM-5", "ERR-4"},
		"An x-max-age without a number crashes the declare: 541.",
		"It is refused with 406, as other bad ages are.",
		"The crash is a defect."},
	{[]string{"STREAM-13"},
		"Retention by age looks when a segment is full, and when a policy changes.",
		"It looks as well when a segment has grown too old.",
		"What nobody wants any more need not wait for the next message."},
	{[]string{"STREAM-31", "STREAM-14"},
		"A segment may begin with a record of RabbitMQ's own, which takes an offset.",
		"Offsets have no gaps.",
		"There are no such records."},
	{[]string{"STREAM-32", "STREAM-36"},
		"Before 4.0 a chunk is delivered whole, whatever the prefetch; a filter passes over chunks, and clients have to filter messages.",
		"A consumer gets its prefetch exactly, and the messages that it wants exactly.",
		"Clients that can bear more can bear this."},
	{[]string{"STREAM-10"},
		"The number of messages in a stream is known every five seconds.",
		"It is exact at once.",
		"Nobody waits for an old number."},
	{[]string{"CHASH-2"},
		"A weight may be of any size, and costs as much memory.",
		"It is at most 1,000,000,000, and costs nothing; more is refused with 406.",
		"Nobody has so many buckets."},
	{[]string{"CHASH-8"},
		"A header that is a float, decimal, array or table is hashed as an Erlang term.",
		"It is hashed by its bytes: the same value goes to the same queue, but not to RabbitMQ's.",
		"Keys are text or integers."},
	{[]string{"DEDUP-3", "DEDUP-5"},
		"A value stays in the cache although the publish was nacked or rolled back, and a full cache evicts any entry.",
		"A publish that failed may be repeated; the oldest entry is evicted.",
		"Who repeats what was refused would never get it through. Policies for caches, and deduplication by queues, are not there."},
	{[]string{"MODULUS-1"},
		"Keys are hashed as an Erlang list, and destinations come in an order of RabbitMQ's own.",
		"The spread is as even, but another, and is kept over a restart.",
		"No program relies on which queue it is."},
}

// versionDifferences is what changed in RabbitMQ between 3.10 and 3.13, oldest first.
var versionDifferences = []versionDifference{
	{[]string{"POLICY-1"}, scripts.V(3, 12, 0), "Policies apply to queues, exchanges or all.", "They may apply to one type of queue."},
	{[]string{"BASIC-65"}, scripts.V(3, 12, 0), "All queues have one acknowledgement timeout.", "A queue may have its own, by argument or policy."},
	{[]string{"PERM-12"}, scripts.V(3, 12, 0), "A refusal says \"access to ... refused\".", "It says which: \"write access to ... refused\"."},
	{[]string{"STREAM-33"}, scripts.V(3, 12, 0), "basic.nack and basic.reject of a stream's delivery close the connection with 540.", "They give credit, as acks do."},
	{[]string{"LIMIT-5"}, scripts.V(3, 13, 0), "The connections and queues of a node or cluster have no limit.", "They may have one."},
	{[]string{"STREAM-7"}, scripts.V(3, 13, 0), "x-stream-filter-size-bytes is unknown.", "It is 16 to 255."},
	{[]string{"STREAM-16"}, scripts.V(3, 13, 0), "A dead letter for a stream is lost.", "It arrives."},
	{[]string{"STREAM-18", "STREAM-36"}, scripts.V(3, 13, 0), "x-stream-filter and x-stream-match-unfiltered are unknown.", "They filter."},
	{[]string{"STREAM-19", "STREAM-20"}, scripts.V(3, 13, 0), "An absent delivery mode stays so; no table or array survives in headers.", "It is 1; they survive under names that begin with x-, and CC."},
	{[]string{"STREAM-24"}, scripts.V(3, 13, 0), "A global prefetch besides a consumer's own does not matter.", "It is refused with 540."},
	{[]string{"CHASH-3", "CHASH-8"}, scripts.V(3, 13, 0), "A header is hashed with its type, and a restart may change the ring.", "Its value is hashed, and the ring stays."},
	{[]string{"RECENT-2"}, scripts.V(3, 13, 0), "Binding an exchange to an exchange with a history crashes: 541.", "It is sent what is kept."},
	{[]string{"BASIC-6"}, scripts.V(3, 13, 0), "An expiration is delivered as it was written.", "It is delivered as a plain number, without sign and zeros."},
	{[]string{"BASIC-8"}, scripts.V(3, 13, 0), "A delivery-mode that is neither 1 nor 2 is refused with 406.", "It is taken for transient."},
	{[]string{"BASIC-11", "TYPES-5"}, scripts.V(3, 13, 0), "Headers are delivered as they came.", "They are sorted, and duplicates dropped."},
	{[]string{"EXCH-38"}, scripts.V(3, 13, 0), "In a headers binding an integer equals a float of its value.", "They differ."},
	{[]string{"EXCH-41"}, scripts.V(3, 13, 0), "In a headers binding a timestamp equals the same timestamp.", "It never does."},
	{[]string{"EXCH-49", "EXCH-51"}, scripts.V(3, 13, 0), "The plugin delivers x-delay unchanged, and words its refusals differently.", "x-delay is delivered negated; bytes are read as a number."},
	{[]string{"POLICY-3"}, scripts.V(3, 13, 0), "An operator policy cannot set overflow.", "It can, and its word counts."},
	{[]string{"TYPES-5"}, scripts.V(3, 13, 0), "Of duplicate headers the first decides where a message goes.", "The last does."},
	{[]string{"QUEUE-75"}, scripts.V(3, 13, 0), "CC is removed from a dead letter with a routing key of its own.", "It stays, without effect."},
	{[]string{"QUEUE-76"}, scripts.V(3, 13, 0), "With each death the older entries of x-death turn their order round.", "The latest is first, the others keep their order."},
	{[]string{"QUEUE-77"}, scripts.V(3, 13, 0), "original-expiration is the expiration as it was sent, a plus sign too; for a message of a lazy queue it is not there.", "It is the number."},
	{[]string{"QUEUE-79"}, scripts.V(3, 13, 0), "Headers tell of the first death.", "They tell of the last one too, x-last-death-*."},
	{[]string{"QUEUE-80"}, scripts.V(3, 13, 0), "The fields of an entry of x-death are in another order.", "They are as QUEUE-80 says."},
	{[]string{"QUEUE-81"}, scripts.V(3, 13, 0), "Whether a dead letter has come round is told by the order of its deaths.", "It is told by their times."},
	{[]string{"BASIC-83", "BASIC-86"}, scripts.V(3, 13, 0), "A commit does not mind that a classic queue was deleted after the publish.", "It is refused with 406."},
	{[]string{"QUEUE-83"}, scripts.V(3, 13, 0), "An x-death that is no array still counts as a history.", "It is ignored."},
	{[]string{"QUEUE-94"}, scripts.V(3, 13, 0), "x-delivery-count is there on the first delivery, as 0.", "It is there from the second on."},
	{[]string{"EXCH-7", "EXCH-8", "EXCH-9"}, scripts.V(3, 13, 3), "An unknown exchange type is refused with 503.", "It is refused with 406."},
}

const differencesIntroduction = `# Differences

## Of Rabbet from RabbitMQ, on purpose

RabbitMQ 3.13 is the specification. Where Rabbet departs from it, it does so
knowingly, and this is all of it. What is missing altogether is in the
[features](../docs/features.md#what-is-not-there-yet). The numbers are those of
[docs/behaviours.md](../docs/behaviours.md).

`

const versionDifferencesIntroduction = `
## Of RabbitMQ 3.10 from 3.13

Scripts know these: they ask for the version that they judge, or are bound to some
versions. What a run against RabbitMQ 3.10 shows otherwise than 3.13 is here; it is
the version's, and no difference of Rabbet. What 4.x changed is in
[docs/profiles.md](../docs/profiles.md).

| behaviours | since | before | from then on |
|---|---|---|---|
`

// writeDifferences writes both ledgers as Markdown, which is DIFFERENCES.md.
func writeDifferences(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, differencesIntroduction)
	fmt.Fprint(out, "| behaviours | RabbitMQ | Rabbet | why |\n|---|---|---|---|\n")
	for _, d := range differences {
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", strings.Join(d.Behaviours, ", "), cell(d.RabbitMQ), cell(d.Rabbet), cell(d.Why))
	}
	fmt.Fprint(out, versionDifferencesIntroduction)
	for _, d := range versionDifferences {
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", strings.Join(d.Behaviours, ", "), d.Since, cell(d.Before), cell(d.Now))
	}
	return out.Flush()
}
