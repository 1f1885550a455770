// Package osprocess reads what the operating system knows of this process.
package osprocess
