package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rabbetmq/rabbet/store"
)

// Put writes a document, in the place of one with the same names.
func Put(st *store.Store, d Document) { st.Put(Key(d), encode(d)) }

// Delete removes the document that has the names of d.
func Delete(st *store.Store, d Document) { st.Delete(Key(d)) }

func encode(d Document) []byte {
	value, err := json.Marshal(d)
	if err != nil {
		panic(err) // documents are plain structs of strings, bytes and numbers
	}
	return value
}

// separator stands between the parts of a key.
const separator = "\x00"

// escapes keeps parts apart that have the separator in them. Text in UTF-8 without it
// stays as it is: 0xff is never in such a text. In an escaped part every run of 0xff is of
// even length, save one that begins with the escaped separator's.
var escapes = strings.NewReplacer(separator, separator+"\xff", "\xff", "\xff\xff")

// Key is the key of a document: its kind and its names.
func Key(d Document) string { return keyOf(d, escapes.Replace) }

// hasEscapes reports whether a document's key is not its plain key.
func hasEscapes(d Document) bool {
	names, _ := d.names()
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.Contains(name, separator) || strings.Contains(name, "\xff")
	})
}

// plainKey is the key of a document as programs before the escapes wrote it.
func plainKey(d Document) string {
	return keyOf(d, func(name string) string { return name })
}

func keyOf(d Document, escape func(string) string) string {
	names, tail := d.names()
	parts := make([]string, 0, len(names)+2)
	parts = append(parts, string(d.Kind()))
	for _, name := range names {
		parts = append(parts, escape(name))
	}
	if tail != "" {
		parts = append(parts, tail)
	}
	return strings.Join(parts, separator)
}

// A Stored is a record as it was read.
type Stored struct {
	Key string
	Document
}

// A Set is all records of a store, by kind.
type Set map[Kind][]Stored

// Read reads all records of a store. It fails for one that is not understood: what it
// stood for must not be lost in silence. Records under keys of an older form get those of
// today.
func Read(st *store.Store) (Set, error) {
	set := make(Set)
	decode := decoder()
	err := st.Records(func(key string, value []byte) error {
		d, err := decodeRecord(key, value, decode)
		if err == nil {
			err = d.validate()
		}
		if err != nil {
			return failed(key, err)
		}
		set[d.Kind()] = append(set[d.Kind()], Stored{key, d})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, list := range set {
		for i := range list {
			if s := &list[i]; hasEscapes(s) && s.Key != Key(s) && s.Key == plainKey(s) {
				st.Delete(s.Key)
				Put(st, s.Document)
				s.Key = Key(s)
			}
		}
	}
	return set, nil
}

// Each visits the records of a kind, which have documents of type D, and lets go of each
// that was visited: a start with many queues needs the memory for the queues. What visit fails
// with names the record.
func Each[D Document](s Set, kind Kind, visit func(D) error) error {
	list := s[kind]
	delete(s, kind)
	for i, r := range list {
		if err := visit(r.Document.(D)); err != nil {
			return failed(r.Key, err)
		}
		list[i] = Stored{}
	}
	return nil
}

func failed(key string, err error) error {
	return fmt.Errorf("broker: record %q in the store: %w", key, err)
}

// Check decodes one record, and says what is wrong with it or with its key.
func Check(key string, value []byte) (Document, error) {
	d, err := decodeRecord(key, value, decode)
	switch {
	case err != nil:
		return nil, err
	case key != Key(d) && key != plainKey(d):
		return nil, errors.New("its key and its value have different names")
	}
	return d, d.validate()
}

func decodeRecord(key string, value []byte, decode func([]byte, any) error) (Document, error) {
	name, _, _ := strings.Cut(key, separator)
	empty := kinds[Kind(name)]
	if empty == nil {
		return nil, errors.New("of an unknown kind, maybe of a newer program")
	}
	d := empty()
	if err := decode(value, d); err != nil {
		return nil, err
	}
	return d, nil
}

// decode reads a document. A field that is unknown is what a newer program has
// added, and not to be passed over: the next change would lose it.
func decode(value []byte, doc any) error { return decoder()(value, doc) }

// decoder is a decode for many documents, up to the first that it fails for: what JSON's
// decoder needs besides the document is made once.
func decoder() func(value []byte, doc any) error {
	var in bytes.Reader
	d := json.NewDecoder(&in)
	d.DisallowUnknownFields()
	begin := int64(0)
	return func(value []byte, doc any) error {
		in.Reset(value)
		if err := d.Decode(doc); err != nil {
			return err
		}
		if begin += int64(len(value)); d.InputOffset() < begin {
			return errors.New("bytes after its end")
		}
		return nil
	}
}
