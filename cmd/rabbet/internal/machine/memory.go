// Package machine is what a process learns of the machine, or the container, that it
// runs in.
package machine

import (
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Memory is the memory of the machine in bytes, or what this process may have of it as
// a member of control groups; 0 where that is not known.
func Memory() int64 { return least(memlimit.FromSystem, memlimit.FromCgroup) }

// least is the least of what is known.
func least(sources ...memlimit.Provider) int64 {
	memory := int64(0)
	for _, source := range sources {
		n, err := source()
		if err != nil || n == 0 || n > math.MaxInt64 {
			continue // no limit, or no control groups
		}
		if memory == 0 || int64(n) < memory {
			memory = int64(n)
		}
	}
	return memory
}
