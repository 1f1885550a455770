// The numbered behaviours: what each says, in one sentence, and which section it
// belongs to. The sentences are in behaviours.txt.

package conformance

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed behaviours.txt
var behavioursText string

// behaviour is one numbered behaviour of RabbitMQ.
type behaviour struct {
	ID       string // such as "EXCH-3"
	Sentence string
}

// section is a group of behaviours whose numbers have a prefix in common.
type section struct {
	Prefix     string // such as "EXCH"
	About      string // what they are about
	Behaviours []behaviour
}

// sections gives all behaviours that RabbitMQ is known by, section by section,
// whether a script proves them or not. It must not be changed.
var sections = sync.OnceValue(func() []section {
	sections, err := parseSections(behavioursText)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return sections
})

// sentence is what the behaviour of that number says; it is empty for a number
// that does not exist.
func sentence(id string) string { return sentences()[id] }

var sentences = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, s := range sections() {
		for _, b := range s.Behaviours {
			m[b.ID] = b.Sentence
		}
	}
	return m
})

// parseSections reads lines: a section is "== PREFIX about", a behaviour
// "PREFIX-n sentence", with n counting from 1; "#" opens a comment.
func parseSections(text string) ([]section, error) {
	var sections []section
	for n, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if title, ok := strings.CutPrefix(line, "== "); ok {
			prefix, about, _ := strings.Cut(title, " ")
			sections = append(sections, section{Prefix: prefix, About: about})
			continue
		}
		id, sentence, _ := strings.Cut(line, " ")
		if len(sections) == 0 {
			return nil, fmt.Errorf("conformance: line %d of the behaviours is in no section", n+1)
		}
		s := &sections[len(sections)-1]
		if id != fmt.Sprintf("%s-%d", s.Prefix, len(s.Behaviours)+1) || sentence == "" {
			return nil, fmt.Errorf("conformance: line %d of the behaviours is not the next of %s", n+1, s.Prefix)
		}
		s.Behaviours = append(s.Behaviours, behaviour{id, sentence})
	}
	return sections, nil
}
