//go:build !linux

package osprocess

// ResidentMemory is not known here.
func ResidentMemory() int64 { return 0 }

// Descriptors are not known here.
func Descriptors() (used, most int64) { return 0, 0 }
