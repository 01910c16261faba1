package scripttest

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Report prints results for people. What tests have printed, and their names, go to W as they are.
// Not safe for concurrent use.
type Report struct {
	W       io.Writer
	Verbose bool // also what has passed
	Seed    uint64
}

// Total counts tests. A file that does not load counts as one that has failed.
type Total struct{ Passed, Failed, Skipped, Files int }

// Total prints the last line, and returns what it says.
func (p Report) Total(results []FileResult) (t Total) {
	var took time.Duration
	for _, r := range results {
		c := count(r)
		t.Passed += c.Passed
		t.Failed += c.Failed
		t.Skipped += c.Skipped
		t.Files++
		took += r.Took
	}
	fmt.Fprintf(p.W, "\n%d passed, %d failed", t.Passed, t.Failed)
	if t.Skipped > 0 {
		fmt.Fprintf(p.W, ", %d skipped", t.Skipped)
	}
	fmt.Fprintf(p.W, " in %s (%s)\n", plural(t.Files, "file"), seconds(took))
	if t.Failed > 0 {
		fmt.Fprintf(p.W, "random numbers: --seed %d\n", p.Seed)
	}
	return t
}

func count(r FileResult) (t Total) {
	if r.Err != nil {
		t.Failed++
	}
	for _, test := range r.Tests {
		switch {
		case test.Skipped:
			t.Skipped++
		case test.Failure != nil:
			t.Failed++
		default:
			t.Passed++
		}
	}
	return t
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// oneLine keeps a name from looking like the next line.
func oneLine(name string) string { return strings.ReplaceAll(name, "\n", `\n`) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2fs", d.Seconds()) }

// File prints how the tests of a file have ended.
func (p Report) File(r FileResult) {
	word := "ok  "
	if r.Failed() {
		word = "FAIL"
	}
	c := count(r)
	fmt.Fprintf(p.W, "%s  %s  %s", word, oneLine(r.Path), plural(len(r.Tests), "test"))
	if c.Failed > 0 && r.Err == nil {
		fmt.Fprintf(p.W, ", %d failed", c.Failed)
	}
	if c.Skipped > 0 {
		fmt.Fprintf(p.W, ", %d skipped", c.Skipped)
	}
	fmt.Fprintf(p.W, "  %s\n", seconds(r.Took))
	if r.Err != nil {
		p.failure(r.Err, r.Output)
	}
	for _, t := range r.Tests {
		switch {
		case t.Failure != nil:
			fmt.Fprintf(p.W, "  FAIL  %s  %s\n", oneLine(t.Name), seconds(t.Took))
			p.failure(t.Failure, t.Output)
		case p.Verbose && t.Skipped:
			fmt.Fprintf(p.W, "  skip  %s\n", oneLine(t.Name))
		case p.Verbose:
			fmt.Fprintf(p.W, "  ok    %s  %s\n", oneLine(t.Name), seconds(t.Took))
			p.indented(strings.Join(t.Output, "\n"))
		}
	}
}

func (p Report) failure(f *Failure, output []string) {
	p.indented(f.Message + f.Details)
	if len(output) > 0 {
		p.indented("printed and logged:\n  " + strings.Join(output, "\n  "))
	}
}

func (p Report) indented(text string) {
	if text == "" {
		return
	}
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		if strings.TrimSpace(line) == "" {
			fmt.Fprintln(p.W)
			continue
		}
		fmt.Fprint(p.W, "        "+line)
	}
}
