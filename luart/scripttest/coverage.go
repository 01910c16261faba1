package scripttest

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/coverage"
)

// Coverage prints how much of each file has run, and which lines have not.
func (p Report) Coverage(files []*coverage.File) {
	var run, all, width int
	for _, f := range files {
		width = max(width, len(oneLine(shownPath(f.Path))))
	}
	fmt.Fprintf(p.W, "\ncoverage of lines\n")
	for _, f := range files {
		covered := linesRun(f)
		run, all = run+covered, all+len(f.Lines)
		fmt.Fprintf(p.W, "  %6s  %-*s  %d of %d", percent(covered, len(f.Lines)), width, oneLine(shownPath(f.Path)), covered, len(f.Lines))
		if missing := missingLines(f); missing != "" {
			fmt.Fprintf(p.W, "  not run: %s", missing)
		}
		fmt.Fprintln(p.W)
	}
	if len(files) != 1 {
		fmt.Fprintf(p.W, "  %6s  %-*s  %d of %d\n", percent(run, all), width, "all", run, all)
	}
}

// shownPath returns a path from the current folder if that is above it.
func shownPath(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(here, path)
	if err != nil || !filepath.IsLocal(rel) {
		return path
	}
	return rel
}

// percent rounds down: not all is never 100 %.
func percent(n, of int) string {
	if of == 0 {
		return "-"
	}
	tenths := n * 1000 / of
	return fmt.Sprintf("%d.%d%%", tenths/10, tenths%10)
}

func linesRun(f *coverage.File) (n int) {
	for _, count := range f.Lines {
		if count > 0 {
			n++
		}
	}
	return n
}

// missingLines lists the lines that have not run: "3-5, 9". Lines without code between two of them
// go with them.
func missingLines(f *coverage.File) string {
	var list []string
	first, last := 0, 0
	end := func() {
		switch {
		case first == 0:
		case first == last:
			list = append(list, fmt.Sprint(first))
		default:
			list = append(list, fmt.Sprintf("%d-%d", first, last))
		}
		first = 0
	}
	for _, line := range slices.Sorted(maps.Keys(f.Lines)) {
		switch {
		case f.Lines[line] > 0:
			end()
		case first == 0:
			first, last = line, line
		default:
			last = line
		}
	}
	end()
	return strings.Join(list, ", ")
}

// WriteLCOV writes coverage to a file as lcov does, for genhtml and editors.
func WriteLCOV(path string, files []*coverage.File) error {
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the coverage profile: %w", err)
	}
	w := bufio.NewWriter(out)
	for _, f := range files {
		writeLCOV(w, f)
	}
	if err := cmp.Or(w.Flush(), out.Close()); err != nil {
		return fmt.Errorf("writing the coverage profile %s: %w", path, err)
	}
	return nil
}

// writeLCOV writes the record of one file. Functions need different names: one that shares its name
// has its line in it.
func writeLCOV(w io.Writer, f *coverage.File) {
	functions := slices.SortedFunc(maps.Keys(f.Functions), func(a, b coverage.Function) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Name, b.Name))
	})
	named := map[string]int{}
	for _, at := range functions {
		named[at.Name]++
	}
	name := func(at coverage.Function) string {
		if named[at.Name] > 1 || at.Name == chunk.Unnamed {
			return fmt.Sprintf("%s:%d", at.Name, at.Line)
		}
		return at.Name
	}
	fmt.Fprintf(w, "TN:\nSF:%s\n", shownPath(f.Path))
	called := 0
	for _, at := range functions {
		fmt.Fprintf(w, "FN:%d,%s\n", at.Line, name(at))
	}
	for _, at := range functions {
		if n := f.Functions[at]; n > 0 {
			called++
		}
		fmt.Fprintf(w, "FNDA:%d,%s\n", f.Functions[at], name(at))
	}
	fmt.Fprintf(w, "FNF:%d\nFNH:%d\n", len(functions), called)
	for _, line := range slices.Sorted(maps.Keys(f.Lines)) {
		fmt.Fprintf(w, "DA:%d,%d\n", line, f.Lines[line])
	}
	fmt.Fprintf(w, "LF:%d\nLH:%d\nend_of_record\n", len(f.Lines), linesRun(f))
}
