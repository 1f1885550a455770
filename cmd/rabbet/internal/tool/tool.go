// Package tool is what the commands of the binary have in common that go by names of
// RabbitMQ's: rabbitmqctl, rabbitmqadmin and so on, each a package beside this one.
package tool

import "io"

// A Process is what a command sees of the outside.
type Process struct {
	// Name is what the binary was called by, without its folder: rabbitmqctl.
	Name           string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Environ is the environment, as os.Environ has it.
	Environ []string
}

// A Command runs with the arguments behind its name and returns the exit code.
// What goes wrong it prints itself, in the form of RabbitMQ's tool of that name.
type Command func(p Process, args []string) (exitCode int)
