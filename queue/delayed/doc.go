// Package delayed keeps messages until they are due: in memory when and in which order,
// the messages themselves in a log of the store once they are there.
//
// A Queue knows no exchange. Its owner says in its Config where messages go
// that are due.
package delayed
