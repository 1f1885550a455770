//go:build !unix

package tool

import "errors"

func becomeAndExec(string, string, []string, []string) error {
	return errors.New("this system has no users to become")
}
