package ctl

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A share is a part of the memory in use.
type share struct {
	name    string
	bytes   int64
	percent float64 // of all, with two digits
}

// memoryShares are the parts of the memory in use, the largest first.
func (c *call) memoryShares() ([]share, error) {
	var answer struct{ Memory map[string]any }
	if err := c.node.get(apiPath("nodes", c.node.name, "memory"), &answer); err != nil {
		return nil, err
	}
	var total int64
	var shares []share
	for name, value := range answer.Memory {
		switch value := value.(type) {
		case map[string]any: // the total, counted in several ways
			for _, v := range value {
				total = max(total, asInteger(v))
			}
		case json.Number:
			shares = append(shares, share{name: name, bytes: asInteger(value)})
		}
	}
	for i := range shares {
		if total > 0 {
			shares[i].percent = math.Round(float64(shares[i].bytes)/float64(total)*10000) / 100
		}
	}
	slices.SortFunc(shares, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), strings.Compare(a.name, b.name))
	})
	return shares, nil
}

func asInteger(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		return 0
	}
	i, err := n.Int64()
	if err != nil {
		return 0
	}
	return i
}

// percentage is a share as RabbitMQ writes it: 12.34, 5.0.
func percentage(p float64) string {
	s := strconv.FormatFloat(p, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func memoryBreakdown(c *call) error {
	if _, known := unitSizes[strings.ToLower(c.opts.own["unit"])]; c.opts.has("unit") && !known {
		return c.misused("unit should be one of bytes, mb, gb, tb", []string{c.verb.name})
	}
	shares, err := c.memoryShares()
	if err != nil {
		return err
	}
	if c.opts.format("") == "json" {
		object := map[string]any{}
		for _, s := range shares {
			object[s.name] = map[string]any{"bytes": s.bytes, "percentage": s.percent}
		}
		c.print("%s", jsonText(object))
		return nil
	}
	var lines strings.Builder
	for _, s := range shares {
		fmt.Fprintf(&lines, "%s: %s (%s%%)\n", s.name, c.inUnit(s.bytes), percentage(s.percent))
	}
	c.print("%s", lines.String())
	return nil
}
