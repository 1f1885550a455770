// Package progressbar shows on a terminal how far long work is. It is
// github.com/schollz/progressbar with this project's look, and nothing where the output
// goes elsewhere.
package progressbar

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A Bar is a bar on a terminal, or nothing. Its methods are safe for concurrent use.
type Bar struct {
	w   io.Writer
	bar *progressbar.ProgressBar // nil if nobody looks
}

// New shows a bar of so many steps on w if that is a terminal whose type, as $TERM has
// it, can move its cursor.
func New(w io.Writer, terminal string, total int) *Bar {
	f, ok := w.(*os.File)
	if !ok || terminal == "" || terminal == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return &Bar{}
	}
	return Show(w, total)
}

// Show is New for what is known to be a terminal.
func Show(w io.Writer, total int) *Bar {
	return &Bar{w: w, bar: progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true),
	)}
}

// Step is one step done; the text is shown behind the bar.
func (b *Bar) Step(text string) {
	if b.bar == nil {
		return
	}
	b.bar.Describe(text)
	_ = b.bar.Add(1) // A terminal that is gone shows nothing.
}

// Set shows that so many steps are done, of a total that may have changed.
func (b *Bar) Set(done, total int, text string) {
	if b.bar == nil {
		return
	}
	b.bar.Describe(text)
	b.bar.ChangeMax(max(total, 1))
	_ = b.bar.Set(done) // A terminal that is gone shows nothing.
}

// Shown reports whether somebody looks.
func (b *Bar) Shown() bool { return b.bar != nil }

// Say prints a line above the bar.
func (b *Bar) Say(line string) {
	if b.bar == nil {
		return
	}
	_ = b.bar.Clear()
	fmt.Fprintln(b.w, line)
	_ = b.bar.RenderBlank()
}

// Clear removes the bar.
func (b *Bar) Clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
