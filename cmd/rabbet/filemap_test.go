package main_test

// The file map in docs/files.md names every file, and no other.

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fileMap is the names and patterns in each section of the map, which a folder
// heads.
func fileMap(t *testing.T) map[string][]string {
	page, err := os.ReadFile(filepath.Join(root, "docs", "files.md"))
	require.NoError(t, err)
	_, text, found := strings.Cut(string(page), "\n## File map\n")
	require.True(t, found)
	sections := map[string][]string{}
	for _, section := range strings.Split(text, "\n### ")[1:] {
		dir, body, _ := strings.Cut(section, "\n")
		for _, name := range regexp.MustCompile("`([^`]+\\.go)`").FindAllStringSubmatch(body, -1) {
			sections[dir] = append(sections[dir], name[1])
		}
	}
	return sections
}

// isMapped reports whether a section has a file: by its name, or by its path
// below the section's folder.
func isMapped(names []string, below string) bool {
	for _, name := range names {
		byPath, _ := filepath.Match(name, below)
		byName, _ := filepath.Match(name, filepath.Base(below))
		if byPath || byName {
			return true
		}
	}
	return false
}

// below is a path as seen from the module's root.
func below(path string) string {
	below, _ := filepath.Rel(root, path)
	return filepath.ToSlash(below)
}

func TestFileMap(t *testing.T) {
	sections := fileMap(t)
	for dir, names := range sections {
		var files []string
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() && path != filepath.Join(root, dir) && sections[below(path)] != nil {
				return filepath.SkipDir // it has a section of its own
			}
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				file, _ := filepath.Rel(filepath.Join(root, dir), path)
				files = append(files, file)
				assert.True(t, isMapped(names, file), "docs/files.md does not name %s/%s", dir, file)
			}
			return err
		})
		require.NoError(t, err)
		for _, name := range names {
			there := false
			for _, f := range files {
				there = there || isMapped([]string{name}, f)
			}
			assert.True(t, there, "docs/files.md names %s in %s, which is not there", name, dir)
		}
	}
	for dir := range layers {
		if _, err := os.Stat(filepath.Join(root, dir)); err == nil && dir != "cmd" {
			assert.Contains(t, sections, dir, "docs/files.md has no section for it")
		}
	}
}
