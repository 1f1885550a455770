package lint

import (
	"fmt"
	"io"
	"strings"
)

// mostWarnings is how many objects Warn names before it counts the rest.
const mostWarnings = 20

// Warn writes a line for each object of a whole document that one of the targets refuses,
// or takes when it is prepared for it alone.
func Warn(w io.Writer, definitions []byte, targets []string) error {
	versions := map[Finding][]string{}
	var order []Finding
	for _, target := range targets {
		found, err := Check(Input{Definitions: definitions}, target)
		if err != nil {
			return err
		}
		for _, f := range found {
			if !f.Level.AtLeast(Needs) {
				continue
			}
			if versions[f] == nil {
				order = append(order, f)
			}
			versions[f] = append(versions[f], target)
		}
	}
	for _, f := range order[:min(len(order), mostWarnings)] {
		fmt.Fprintf(w, "warning: RabbitMQ %s: %s: %s\n", strings.Join(versions[f], ", "), f.Object(), f.Text)
	}
	if more := len(order) - mostWarnings; more > 0 {
		fmt.Fprintf(w, "warning: and %d more, which rabbet graduate lint names\n", more)
	}
	return nil
}
