// Package delayed keeps messages until they are due. Times and order are in memory; the
// messages are in a log of the store, once it has committed them.
//
// A Queue knows no exchange. Its owner says in its Config where messages go
// when they are due.
package delayed
