package graduate

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/lint"
)

// Write writes the report for people.
func (r *Report) Write(w io.Writer) error {
	if err := lint.Write(w, "text", r.Target, r.Findings, lint.Refused); err != nil {
		return err
	}
	if len(r.Clients) > 0 {
		fmt.Fprintf(w, "clients connected to the source: %s\n", strings.Join(r.Clients, ", "))
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "vhost\tqueue\ttype\tready\tcopied\ttarget before\tafter\tpossibly twice\temptied")
	for _, q := range r.Queues {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%t\n", q.VHost, q.Name, q.Type, q.Ready, q.Copied, q.Before, q.After, len(q.PossiblyTwice), q.Emptied)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, q := range r.Queues {
		if q.Trouble != "" {
			fmt.Fprintf(w, "%s %q in vhost %q: %s\n", q.kind(), q.Name, q.VHost, q.Trouble)
		}
		if len(q.PossiblyTwice) > 0 {
			fmt.Fprintf(w, "%s %q in vhost %q: possibly twice, by %s: %s\n", q.kind(), q.Name, q.VHost, SeqHeader, ranges(q.PossiblyTwice))
		}
	}
	for _, m := range r.Waiting {
		fmt.Fprintf(w, "delayed exchange %q in vhost %q: message %s waits until %s\n", m.Exchange, m.VHost, m.ID, m.Due.Format("2006-01-02T15:04:05.000Z"))
	}
	h := r.Hazards
	_, err := fmt.Fprintf(w, "messages with CC or BCC %d, a foreign user_id %d, x-death %d, a time to live %d, returned before %d; too large %d, expired %d\n",
		h.CC, h.UserID, h.XDeath, h.Expiration, h.Returned, h.TooLarge, h.Expired)
	return err
}

func (q *Queue) kind() string {
	if q.Type == "delayed exchange" {
		return q.Type
	}
	return "queue"
}

// ranges writes numbers in order, those that follow each other as first-last.
func ranges(list []uint64) string {
	var parts []string
	for i := 0; i < len(list); {
		k := i
		for k+1 < len(list) && list[k+1] == list[k]+1 {
			k++
		}
		text := strconv.FormatUint(list[i], 10)
		if k > i {
			text += "-" + strconv.FormatUint(list[k], 10)
		}
		parts, i = append(parts, text), k+1
	}
	return strings.Join(parts, ", ")
}
