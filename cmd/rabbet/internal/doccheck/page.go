// Package doccheck checks what documents in Markdown claim: links lead somewhere, Go
// compiles, shell runs, names of flags, variables and keys exist, and figures name the
// command that prints them.
//
// A comment before a block of code says what the block needs and a reader does not:
//
//	<!-- go: var ch *amqp.Channel -->    declarations for the Go block that follows
//	<!-- run -->                         the shell block that follows is run
//
// A comment in a section exempts its figures, which are no measurements:
//
//	<!-- not measured -->
package doccheck

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// A Problem is a claim that does not hold.
type Problem struct {
	Path string
	Line int
	Text string
}

// String is the problem as compilers print theirs.
func (p Problem) String() string { return fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Text) }

// A Page is a document, taken apart.
type Page struct {
	Path     string // from the module's root, with slashes
	Links    []Item // the targets of links and pictures
	Spans    []Item // code within a line
	Blocks   []Block
	Sections []Section
	anchors  map[string]bool
}

// An Item is a piece of text and the line where it stands.
type Item struct {
	Line int
	Text string
}

// A Block is a fenced block of code.
type Block struct {
	Item
	Lang string
	Note string // the comment before it
}

// A Section is a heading and what stands below it, up to the next heading.
type Section struct {
	Prose []Item // lines that are no code
	Code  []string
	Notes []string
}

func (p *Page) problem(line int, format string, args ...any) Problem {
	return Problem{p.Path, line, fmt.Sprintf(format, args...)}
}

// Pages reads the documents below a folder. Folders that begin with a dot, and testdata,
// are left out.
func Pages(root string) (pages []*Page, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "vendor") {
				return filepath.SkipDir
			}
			return nil
		case filepath.Ext(path) != ".md":
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		pages = append(pages, Parse(filepath.ToSlash(below), source))
		return err
	})
	return pages, err
}

// Parse takes a document apart.
func Parse(path string, source []byte) *Page {
	r := &reader{page: &Page{Path: path, anchors: map[string]bool{}, Sections: make([]Section, 1)}, source: source}
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM))
	_ = ast.Walk(markdown.Parser().Parse(text.NewReader(source)), r.visit) // visit returns no error
	return r.page
}

type reader struct {
	page   *Page
	source []byte
}

func (r *reader) visit(n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	p := r.page
	section := &p.Sections[len(p.Sections)-1]
	switch n := n.(type) {
	case *ast.Heading:
		p.addAnchor(r.text(n))
		p.Sections = append(p.Sections, Section{})
	case *ast.Link:
		p.Links = append(p.Links, Item{r.line(n), string(n.Destination)})
	case *ast.Image:
		p.Links = append(p.Links, Item{r.line(n), string(n.Destination)})
	case *ast.CodeSpan:
		p.Spans = append(p.Spans, Item{r.line(n), r.text(n)})
		section.Code = append(section.Code, r.text(n))
	case *ast.FencedCodeBlock:
		block := Block{Item: Item{r.line(n), r.lines(n)}, Lang: string(n.Language(r.source))}
		if before, ok := n.PreviousSibling().(*ast.HTMLBlock); ok {
			block.Note = comment(r.lines(before))
		}
		p.Blocks = append(p.Blocks, block)
		section.Code = append(section.Code, block.Text)
	case *ast.HTMLBlock:
		section.Notes = append(section.Notes, comment(r.lines(n)))
	case *ast.Text:
		if _, code := n.Parent().(*ast.CodeSpan); !code {
			section.Prose = append(section.Prose, Item{r.line(n), string(n.Segment.Value(r.source))})
		}
	}
	return ast.WalkContinue, nil
}

// comment is the text of an HTML comment, without its brackets.
func comment(html string) string {
	html = strings.TrimSpace(html)
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(html, "<!--"), "-->"))
}

// text is all that a node says.
func (r *reader) text(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Segment.Value(r.source))
		} else {
			b.WriteString(r.text(c))
		}
	}
	return b.String()
}

// lines is the source of a block.
func (r *reader) lines(n ast.Node) string {
	return string(n.Lines().Value(r.source))
}

// line is where a node begins.
func (r *reader) line(n ast.Node) int {
	at := 0
	for n := n; n != nil; n = n.FirstChild() {
		if t, ok := n.(*ast.Text); ok {
			at = t.Segment.Start
		} else if n.Type() == ast.TypeBlock && n.Lines().Len() > 0 {
			at = n.Lines().At(0).Start
		}
	}
	return 1 + bytes.Count(r.source[:at], []byte("\n"))
}

// addAnchor names a heading as GitHub does.
func (p *Page) addAnchor(heading string) {
	slug := strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case unicode.IsLetter(c), unicode.IsDigit(c), c == '-', c == '_':
			return unicode.ToLower(c)
		}
		return -1
	}, heading)
	name := slug
	for i := 1; p.anchors[name]; i++ {
		name = fmt.Sprint(slug, "-", i)
	}
	p.anchors[name] = true
}
