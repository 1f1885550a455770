package doccheck

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
)

// Links checks that links within the repository lead to a file or folder, and their
// anchors to a heading. Of links to other places it checks the form alone: a test does
// not depend on somebody's server.
func Links(root string, pages []*Page) (problems []Problem) {
	byPath := map[string]*Page{}
	for _, p := range pages {
		byPath[p.Path] = p
	}
	for _, p := range pages {
		for _, link := range p.Links {
			to, err := url.Parse(link.Text)
			if err != nil || to.Scheme == "" && to.Path == "" && to.Fragment == "" {
				problems = append(problems, p.problem(link.Line, "the link %q makes no sense", link.Text))
				continue
			}
			if to.Scheme != "" {
				continue
			}
			target := p.Path
			if to.Path != "" {
				target = path.Join(path.Dir(p.Path), to.Path)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				problems = append(problems, p.problem(link.Line, "the link %q leads nowhere: there is no %s", link.Text, target))
				continue
			}
			if to.Fragment != "" && (byPath[target] == nil || !byPath[target].anchors[to.Fragment]) {
				problems = append(problems, p.problem(link.Line, "the link %q leads nowhere: %s has no such heading", link.Text, target))
			}
		}
	}
	return problems
}
