// Package records is the schema of what a broker's store keeps besides messages: the
// kinds of records, their documents, their keys, and how they are read back.
//
// A record is a document in JSON under a key that begins with its kind. To add a kind,
// declare its document in documents.go and give it a line in kinds; Put, Delete, Read
// and Check do the rest. A program that does not know a kind, or a field of a document,
// refuses to start with it, so an older program loses nothing that a newer one has stored. A
// change that gives a new meaning to a record that older programs would accept raises
// the format version of package store.
package records
