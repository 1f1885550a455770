package doccheck

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// A call is a command of a shell script, with its arguments as they would be, and what is
// only known when it runs as it is written.
type call struct {
	args []string
	line int // of the script, from 1
}

// calls are the commands in a script, those in substitutions and in the scripts of
// "bash -c" among them.
func calls(script string) (found []call, err error) {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
	if err != nil {
		return nil, err
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		c, ok := n.(*syntax.CallExpr)
		if !ok || len(c.Args) == 0 {
			return true
		}
		args := make([]string, len(c.Args))
		for i, w := range c.Args {
			args[i] = word(script, w)
		}
		line := int(c.Pos().Line())
		found = append(found, call{args, line})
		if at := slices.Index(args, "-c"); at > 0 && at+1 < len(args) && slices.Contains(args[:at], "bash") {
			inner, innerErr := calls(args[at+1])
			for _, in := range inner {
				found = append(found, call{in.args, line + in.line - 1})
			}
			err = innerErr
		}
		return true
	})
	return found, err
}

// word is a word without its quotes.
func word(script string, w *syntax.Word) string {
	var b strings.Builder
	for _, part := range w.Parts {
		switch part := part.(type) {
		case *syntax.Lit:
			b.WriteString(strings.ReplaceAll(part.Value, "\\", ""))
		case *syntax.SglQuoted:
			b.WriteString(part.Value)
		default:
			b.WriteString(strings.Trim(script[part.Pos().Offset():part.End().Offset()], `"`))
		}
	}
	return b.String()
}

// isShell reports whether a block is a script.
func isShell(b Block) bool { return b.Lang == "sh" || b.Lang == "bash" }

// Run runs the shell blocks that are marked so, each in a folder of its own that is also
// its home. The first of path is searched for commands before all else.
func Run(ctx context.Context, path string, pages []*Page) (problems []Problem, ran int, err error) {
	for _, p := range pages {
		for _, b := range p.Blocks {
			if b.Note != "run" || !isShell(b) {
				continue
			}
			ran++
			dir, err := os.MkdirTemp("", "doccheck")
			if err != nil {
				return nil, ran, err
			}
			script := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", b.Text)
			script.Dir = dir
			script.Env = []string{"HOME=" + dir, "PATH=" + path + string(os.PathListSeparator) + os.Getenv("PATH")}
			out, runErr := script.CombinedOutput()
			if err := os.RemoveAll(dir); err != nil {
				return nil, ran, err
			}
			if runErr != nil {
				problems = append(problems, p.problem(b.Line, "the block fails: %v: %s", runErr, lastLine(string(out))))
			}
		}
	}
	return problems, ran, nil
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return fmt.Sprintf("%.300s", lines[len(lines)-1])
}
