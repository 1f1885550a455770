// Package osprocess reads memory, file descriptors and disk of this process from the operating system.
package osprocess
