package ctl

import (
	"net/http"
	"strconv"

	"github.com/rabbetmq/rabbet/cmd/rabbet/internal/settings"
)

// A resourceLimit is what an argument says of memory or of the disk.
type resourceLimit struct {
	Bytes    int64
	Fraction float64
}

// memoryLimit reads a fraction of the machine's memory, or absolute and a size; why says
// what is wrong.
func memoryLimit(args []string) (limit resourceLimit, why string) {
	if args[0] == "absolute" {
		if len(args) == 1 {
			return limit, "not enough arguments."
		}
		n, err := settings.ParseSize(args[1])
		if err != nil {
			return limit, "Bad argument: Invalid units."
		}
		return resourceLimit{Bytes: n}, ""
	}
	fraction, err := strconv.ParseFloat(args[0], 64)
	switch {
	case len(args) > 1 || err != nil:
		return limit, "Bad argument."
	case fraction < 0 || fraction > 1:
		return limit, "Bad argument: The threshold should be a fraction between 0.0 and 1.0"
	}
	return resourceLimit{Fraction: fraction}, ""
}

// diskLimit reads a size, or mem_relative and a multiple of the machine's memory.
func diskLimit(args []string) (limit resourceLimit, why string) {
	if args[0] == "mem_relative" {
		if len(args) == 1 {
			return limit, "not enough arguments."
		}
		fraction, err := strconv.ParseFloat(args[1], 64)
		if err != nil || fraction < 0 {
			return limit, "Bad argument."
		}
		return resourceLimit{Fraction: fraction}, ""
	}
	n, err := settings.ParseSize(args[0])
	if len(args) > 1 || err != nil {
		return limit, "Bad argument."
	}
	return resourceLimit{Bytes: n}, ""
}

func (c *call) badArgument(why string) error {
	if why == "" {
		return nil
	}
	_ = c.misused(why, append([]string{c.verb.name}, c.args...)) // It has printed the usage.
	return &failure{code: exitData}
}

func checkMemoryLimit(c *call) error {
	_, why := memoryLimit(c.args)
	return c.badArgument(why)
}

func checkDiskLimit(c *call) error {
	_, why := diskLimit(c.args)
	return c.badArgument(why)
}

func setMemoryLimit(c *call) error {
	limit, _ := memoryLimit(c.args) // It has been checked.
	return c.node.do(http.MethodPut, "/control/memory_limit", limit, nil)
}

func setDiskLimit(c *call) error {
	limit, _ := diskLimit(c.args) // It has been checked.
	return c.node.do(http.MethodPut, "/control/disk_limit", limit, nil)
}
