//go:build !unix

package main

import "syscall"

// asUser is not to be had here: the test is for root.
func asUser(uint32) *syscall.SysProcAttr { return nil }
