package lint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/module"
)

// Finding is a mistake in a script, or what looks very much like one.
type Finding struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`   // from 1; 0: it is about the file
	Column   int      `json:"column"` // in bytes from 1; 0: not known
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // stays the same from version to version
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`
	Source   string   `json:"source,omitempty"` // the line
}

// Severity says how sure a finding is.
type Severity string

// An Error does not do what is written there, whatever happens. A Warning does, but that is
// hardly meant.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// String is the finding for people: a line, the source line with a caret, a hint.
func (f Finding) String() string {
	at := f.File
	for _, n := range []int{f.Line, f.Column} {
		if n > 0 {
			at += fmt.Sprintf(":%d", n)
		}
	}
	text := fmt.Sprintf("%s: %s: %s [%s]\n", at, f.Severity, f.Message, f.Code)
	if f.Source != "" {
		text += fmt.Sprintf("  %d | %s\n", f.Line, f.Source)
		if pad := chunk.Caret(f.Source, f.Column); pad != "" {
			text += strings.Repeat(" ", len(fmt.Sprintf("  %d ", f.Line))) + "| " + pad + "\n"
		}
	}
	if f.Hint != "" {
		text += "  hint: " + f.Hint + "\n"
	}
	return text
}

// Check loads a script as luart.DryRun does, and looks for mistakes in it and in the modules that
// it requires. It returns what it finds by file and line.
func Check(ctx context.Context, s luart.Script) []Finding {
	c := &checker{dir: filepath.Dir(s.Path)}
	err := luart.DryRun(ctx, s, func(o *luart.Outline, err error) {
		c.o, c.failed = o, err != nil
		c.check(err)
	})
	if err != nil {
		return []Finding{{File: s.Path, Severity: Error, Code: "gopher-lua", Message: err.Error()}}
	}
	return c.result()
}

// checker looks for mistakes in what a script was made of. Only the holder may use it.
type checker struct {
	o      *luart.Outline
	dir    string // of the script
	failed bool   // the script did not load
	files  []*checkedFile
	found  []Finding
	said   []string // parts of errors of a load that findings have said already

	assigned map[string]bool // names and fields, "string.trim", that are given a value somewhere
	tested   map[string]bool // that are asked for whether they are there
	foreign  bool            // globals may come from elsewhere

	routes map[funcLine][]routeOf // by the functions that answer them
	hooks  map[funcLine]bool      // functions that are hooks
	funcs  map[funcLine]int       // how many functions begin on a line
	params map[funcLine]int       // how many parameters they have at most
}

func (c *checker) check(err error) {
	c.assigned, c.tested = map[string]bool{}, map[string]bool{}
	c.addFiles()
	c.addRoutes()
	for _, f := range c.files {
		c.settleHelpers(f)
	}
	for _, f := range c.files {
		for _, s := range f.sightings {
			c.judge(f, s)
		}
	}
	if err != nil {
		c.loadError(err)
		return
	}
	c.tree()
}

// addFiles takes what was loaded, and the modules that it names but has not required yet.
func (c *checker) addFiles() {
	known := map[string]bool{}
	add := func(f *chunk.File) {
		known[f.Name] = true
		checked := &checkedFile{c: c, File: f, tokens: f.Lexemes(), roles: map[ast.Expr]role{}}
		checked.walk()
		c.files = append(c.files, checked)
	}
	for _, name := range c.o.Files.Names() {
		add(c.o.Files.Get(name))
	}
	for i := 0; i < len(c.files); i++ { // the list grows
		for _, name := range c.files[i].modules {
			m, err := module.Find(c.dir, name)
			if err != nil || known[m.Path] {
				continue // what is not there is an error when it is asked for, or is asked for by pcall
			}
			_, err = chunk.Compile(m.Source, m.Path)
			c.o.Files.Add(m.Path, m.Source, err)
			f := c.o.Files.Get(m.Path)
			if f == nil {
				continue
			}
			add(f)
			if f.Broken != nil {
				c.add(f, min(f.Broken.Line, len(f.Lines())), f.Broken.Column, Error, "syntax", f.Broken.Message, f.SyntaxHint(f.Broken))
			}
		}
	}
}

// add notes a finding, unless a comment turns it off.
func (c *checker) add(f *chunk.File, line, column int, severity Severity, code, message, remedy string) {
	if f.Ignores(line, code) {
		return
	}
	c.found = append(c.found, Finding{
		File: filepath.Join(c.dir, filepath.FromSlash(f.Name)), Line: line, Column: column,
		Severity: severity, Code: code, Message: message, Hint: remedy, Source: f.LineAt(line),
	})
}

// result returns the findings in order, each once.
func (c *checker) result() []Finding {
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code))
	})
	return slices.Compact(c.found)
}

// loadCodes are the codes of errors of a load, by their message.
var loadCodes = []struct {
	code    string
	message *regexp.Regexp
}{
	{"clashing-parameter", regexp.MustCompile(`: this place already has the parameter `)},
	{"below-wildcard", regexp.MustCompile(`: a wildcard takes the rest of the path`)},
	{"bad-pattern", regexp.MustCompile(`^api:at\(".*"\): |^bad argument #1 to at \(`)},
	{"bad-segment", regexp.MustCompile(`: a key is one segment of the path|: the parameter needs a name|^a path segment must be`)},
	{"reserved-name", regexp.MustCompile(`; for the path .* write api:at\(`)},
	{"unknown-hook", regexp.MustCompile(`^api\.on_\w+: ".*" is not a method; `)},
	{"unknown-method", regexp.MustCompile(`^api\S*: ".*" is not a method; `)},
	{"not-a-function", regexp.MustCompile(`^api\S* must be a function`)},
	{"no-return-api", regexp.MustCompile(`^the script must end with "return api"`)},
	{"no-server", regexp.MustCompile(`^the script never called rover.server`)},
	{"second-server", regexp.MustCompile(`^rover.server was called before`)},
	{"static-files", regexp.MustCompile(`(?i)static mount at '`)},
	{"unknown-option", regexp.MustCompile(`^\S+: unknown option |^bad argument #\d+ to '?\w+'? \(unknown option `)},
	{"module-not-found", regexp.MustCompile(`^module ".*" not found`)},
	{"module-loop", regexp.MustCompile(`^module loop`)},
}

// loadError makes a finding of why the script did not load. What has been found on its line
// says more.
func (c *checker) loadError(err error) {
	var syntax *chunk.SyntaxError
	var script *luart.ScriptError
	var about *chunk.Explanation
	code, message := "load-error", err.Error()
	switch {
	case errors.As(err, &syntax):
		code, message, about = "syntax", syntax.Message, syntax.About
	case errors.As(err, &script):
		about = script.About()
		if _, _, rest := c.o.Files.Position(script.Message); rest != script.Message {
			message = rest
		} else if rest, ok := strings.CutPrefix(script.Message, c.o.Name+": "); ok {
			message = rest
		}
		for _, l := range loadCodes {
			if l.message.MatchString(message) {
				code = l.code
				break
			}
		}
		if about != nil && about.File != nil && about.File.Broken != nil && about.File.Broken.Line == about.Line {
			code, message = "syntax", about.File.Broken.Message
		}
	}
	if about == nil || about.File == nil {
		c.found = append(c.found, Finding{File: filepath.Join(c.dir, c.o.Name), Line: 1, Severity: Error, Code: code, Message: message})
		return
	}
	file := filepath.Join(c.dir, filepath.FromSlash(about.File.Name))
	if slices.ContainsFunc(c.found, func(f Finding) bool {
		return f.File == file && f.Line == about.Line && f.Severity == Error && code == "load-error"
	}) || slices.ContainsFunc(c.said, func(part string) bool { return strings.Contains(message, part) }) {
		return
	}
	column := about.Column
	if column == 0 { // the first thing on the line
		source := about.File.LineAt(about.Line)
		column = len(source) - len(strings.TrimLeft(source, " \t")) + 1
	}
	remedy := about.Hint
	if strings.Contains(message, luart.ErrDry.Error()) {
		code, remedy = "load-needs-network", "--allow net lets check use it"
	}
	c.add(about.File, about.Line, column, Error, code, message, remedy)
}

// IsServerScript reports whether a source calls rover.server, so that it is not a module.
// Any goroutine may call it.
func IsServerScript(source []byte) bool {
	f := &chunk.File{Text: strings.TrimPrefix(string(source), "\xef\xbb\xbf")}
	list := f.Lexemes()
	for i := 2; i < len(list); i++ {
		if list[i].Text == "server" && list[i-1].Text == "." && list[i-2].Text == "rover" {
			return true
		}
	}
	return false
}

// Unreadable is the finding that a file, or a folder, cannot be read. There is no place in it to show.
func Unreadable(path string, err error) Finding {
	message := err.Error()
	var cause *fs.PathError
	if errors.As(err, &cause) {
		message = cause.Err.Error()
	}
	return Finding{
		File: path, Severity: Error, Code: "unreadable", Message: "cannot be read: " + message,
		Hint: "remove it, or name the files to check instead of the folder",
	}
}

// CheckSyntax returns what is wrong with the source of a file that does not compile, nil if it
// does. Any goroutine may call it.
func CheckSyntax(path string, source []byte) []Finding {
	name := filepath.Base(path)
	_, err := chunk.Compile(source, name)
	var syntax *chunk.SyntaxError
	if !errors.As(err, &syntax) {
		return nil
	}
	var files chunk.Files
	files.Add(name, source, syntax)
	f := files.Get(name)
	if f == nil {
		return []Finding{{File: path, Line: syntax.Line, Severity: Error, Code: "syntax", Message: syntax.Message}}
	}
	c := &checker{dir: filepath.Dir(path)}
	c.add(f, min(syntax.Line, len(f.Lines())), syntax.Column, Error, "syntax", syntax.Message, f.SyntaxHint(syntax))
	return c.found
}
