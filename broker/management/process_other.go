//go:build !linux

package management

// residentMemory is not known here.
func residentMemory() int64 { return 0 }

// descriptors are not known here.
func descriptors() (used, most int64) { return 0, 0 }
