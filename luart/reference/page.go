package reference

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// first are the pages that come before the others, which are in the order of their names.
var first = []string{"rover.api", "rover.ctx", "rover.body", "rover.res", "rover", "rover.lua"}

// written is how pages call objects of a class, where that is not what the file calls them.
var written = map[string]string{
	"rover.Response": "res", "rover.RequestBody": "body", "rover.ResponseBody": "body",
	"rover.HttpClient": "client", "rover.HttpResponse": "res", "rover.Expression": "expression",
	"rover.TestResponse": "res", "rover.TestStream": "stream",
}

// Pages returns the pages of modules: their text by file name, README.md among them. The error
// names the functions of which something is not said.
func Pages(modules []*Module) (map[string]string, error) {
	slices.SortFunc(modules, func(a, b *Module) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a.Name, b.Name))
	})
	w := &writer{classes: map[string]string{}}
	for _, m := range modules {
		for _, o := range m.Objects {
			if !o.isTable() {
				w.classes[o.Name] = m.file() + "#" + anchor(o.title())
			}
		}
	}
	pages := map[string]string{}
	index := intro
	for _, m := range modules {
		pages[m.file()] = w.page(m)
		index += fmt.Sprintf("| [%s](%s) | %s |\n", m.title(), m.file(), firstSentence(m.about()))
	}
	pages["README.md"] = index
	return pages, errors.Join(w.missing...)
}

const generated = "<!-- Made from the definitions for editors by: go test ./luart -run TestReference -update -->\n\n"

const intro = generated + `# Reference

Every function that a script sees, a page for each part. The pages are made from what ` + "`caddy rover types`" + ` writes for editors.

How to read them:

- ` + "`key?`" + ` is an argument that may be left out. ` + "`string?`" + ` is a string or nil. ` + "`a|b`" + ` is one or the other. ` + "`T[]`" + ` is a list.
- An argument of a wrong type raises ` + "`bad argument #1 to 'f' (string expected, got nil)`" + `, with file and line. *Errors* says what
  else is raised. An error with a status, such as "a 400", is answered with that status unless the script catches it.
- *Waits* says whether other requests may run before the function returns. What does not wait is atomic.
- *Where* says where it may be called: "in a request" is in handlers and hooks, "anywhere" also while the script loads and
  in background tasks.
- Times are seconds and sizes are bytes, where nothing else is said.
- ` + "`-->`" + ` in an example is what the expression before it returns. ` + "`-- GET /x => 200 text`" + ` is a request and its answer: status, body
  and, behind a ` + "`|`" + `, a header. Such an example leaves out ` + "`local api = rover.server {}`" + ` at its beginning and ` + "`return api`" + ` at its
  end. Tests run all examples.

| page | |
|---|---|
`

// writer makes pages.
type writer struct {
	strings.Builder
	classes map[string]string // where the section of a class is: "rover.http.md#client"
	module  *Module
	missing []error
}

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

func (w *writer) page(m *Module) string {
	w.Reset()
	w.module = m
	w.printf("%s# %s\n\n", generated, m.title())
	if m.about() == m.Header {
		w.printf("%s\n\n", m.Header)
	}
	for _, o := range m.Objects {
		level := "###"
		if o.isTable() {
			level = "##"
			w.paragraphs(o.Comment)
		} else {
			w.object(o)
		}
		for _, f := range o.Functions {
			w.function(level, o, f)
		}
	}
	return strings.TrimRight(w.String(), "\n") + "\n"
}

// object writes what is said of a class, an alias or a variable, but for its functions.
func (w *writer) object(o *Object) {
	if o.Name != w.module.Name {
		w.printf("## %s\n\n", o.title())
	}
	for _, overload := range o.Overloads {
		w.printf("`%s`\n\n", callOf(o.written(), overload))
	}
	w.paragraphs(o.Comment)
	switch {
	case o.Alias != "":
		w.printf("%s\n\n", w.typ(o.Alias))
	case o.Type != "":
		w.printf("Type: %s\n\n", w.typ(o.Type))
		if o.Errors != "" {
			w.printf("*Errors*: %s\n\n", o.Errors)
		}
	case o.title() != o.Name:
		w.printf("Its type for editors is `%s`", o.Name)
		if o.Parent != "" {
			w.printf(", which has the fields of %s, too", w.typ(o.Parent))
		}
		w.printf(".\n\n")
	}
	for _, f := range o.Fields {
		w.value("", f)
	}
	if len(o.Fields) > 0 {
		w.printf("\n")
	}
	if len(o.Overloads) > 0 {
		if o.Example == "" {
			w.misses(o.written(), "it has no example")
		}
		w.facts(o, o.Comment, true)
	}
	w.example(o.Comment)
}

func (w *writer) function(level string, o *Object, f *Function) {
	if len(f.Text) == 0 {
		w.misses(o.syntax(f), "no sentence says what it does")
	}
	if f.Example == "" && !w.module.shows(f.See) {
		w.misses(o.syntax(f), "it has no example, nor does it name a function of the file that has one")
	}
	w.printf("%s %s\n\n", level, o.nameOf(f))
	w.printf("`%s`\n\n", o.syntax(f))
	for _, overload := range f.Overloads {
		w.printf("`%s`\n\n", callOf(o.nameOf(f), strings.Replace(overload, "fun(self, ", "fun(", 1)))
	}
	if f.Deprecated {
		w.printf("Deprecated.\n\n")
	}
	w.paragraphs(f.Comment)
	for _, v := range f.Params {
		w.value("", v)
	}
	for _, v := range f.Returns {
		w.value("returns ", v)
	}
	w.facts(o, f.Comment, len(f.Params) > 0)
	w.example(f.Comment)
}

// misses notes that something is not said of a function.
func (w *writer) misses(function, what string) {
	w.missing = append(w.missing, fmt.Errorf("%s: %s: %s", w.module.Name, function, what))
}

// facts writes the lines about errors, waiting and where something may be called.
func (w *writer) facts(o *Object, c Comment, arguments bool) {
	none := "none"
	if arguments {
		none = "those of wrong arguments"
	}
	for _, fact := range [][2]string{
		{"Errors", cmp.Or(c.Errors, none)}, {"Waits", cmp.Or(c.Waits, o.Waits, "no")}, {"Where", cmp.Or(c.Where, o.Where, "anywhere")},
	} {
		w.printf("- *%s*: %s\n", fact[0], strings.TrimSuffix(fact[1], "."))
	}
	w.printf("\n")
}

func (w *writer) paragraphs(c Comment) {
	for _, p := range c.Text {
		w.printf("%s\n\n", p)
	}
}

func (w *writer) example(c Comment) {
	if c.Example != "" {
		w.printf("```lua\n%s```\n\n", c.Example)
	}
	if c.See != "" {
		w.printf("Example: see [`%s`](#%s).\n\n", c.See, anchor(c.See))
	}
}

func (w *writer) value(kind string, v Value) {
	name := v.Name
	if v.Optional {
		name += "?"
	}
	if name != "" {
		name = "`" + name + "` "
	}
	w.printf("- %s%s(%s)", kind, name, w.typ(v.Type))
	if v.Text != "" {
		w.printf(": %s", v.Text)
	}
	w.printf("\n")
}

var className = regexp.MustCompile(`\brover\.[\w.]+`)

// typ writes a type, with a link to the first class in it.
func (w *writer) typ(t string) string {
	for _, name := range className.FindAllString(t, -1) {
		if to := w.classes[name]; to != "" {
			return fmt.Sprintf("[`%s`](%s)", t, strings.TrimPrefix(to, w.module.file()))
		}
	}
	return "`" + t + "`"
}

// file is the name of the module's page.
func (m *Module) file() string { return m.title() + ".md" }

// title is what the page calls the module: "ctx", "rover.json".
func (m *Module) title() string {
	if name := strings.TrimPrefix(m.Name, "rover."); slices.Contains(first, m.Name) {
		return name
	}
	return m.Name
}

// about is the first paragraph of a module's page: what is said of its table, of the file, or else
// of the first thing in it.
func (m *Module) about() string {
	for _, o := range m.Objects {
		if o.Name == m.Name && len(o.Text) > 0 {
			return o.Text[0]
		}
	}
	if m.Header != "" {
		return m.Header
	}
	for _, o := range m.Objects {
		if len(o.Text) > 0 {
			return o.Text[0]
		}
		for _, f := range o.Functions {
			if len(f.Text) > 0 {
				return f.Text[0]
			}
		}
	}
	return ""
}

// shows says whether a function, or a class that can be called, has an example.
func (m *Module) shows(name string) bool {
	for _, o := range m.Objects {
		if len(o.Overloads) > 0 && o.written() == name && o.Example != "" {
			return true
		}
		for _, f := range o.Functions {
			if o.nameOf(f) == name && f.Example != "" {
				return true
			}
		}
	}
	return false
}

// Examples returns the examples of a module, by what they show.
func (m *Module) Examples() map[string]string {
	all := map[string]string{}
	for _, o := range m.Objects {
		all[o.Name] = o.Example
		for _, f := range o.Functions {
			all[o.nameOf(f)] = f.Example
		}
	}
	maps.DeleteFunc(all, func(_, example string) bool { return example == "" })
	return all
}

func place(m *Module) int {
	if i := slices.Index(first, m.Name); i >= 0 {
		return i
	}
	return len(first)
}

// isTable says whether an object is a table of functions, which the page has no section for.
func (o *Object) isTable() bool {
	return o.Local == "" && o.Alias == "" && o.Type == "" && len(o.Fields)+len(o.Overloads) == 0
}

// written is how a script writes the object: "cache", "api.json".
func (o *Object) written() string {
	if name, ok := strings.CutPrefix(o.Name, "rover.builder."); ok {
		return "api." + name
	}
	if name := written[o.Name]; name != "" {
		return name
	}
	if o.Local != "" {
		return strings.ToLower(o.Local)
	}
	return o.Name
}

// title is the heading of the object's section: as it is written, or the name of its type, where
// it has no functions of its own.
func (o *Object) title() string {
	if o.Local == "" {
		return o.Name
	}
	return o.written()
}

// nameOf is how a script writes a function: "cache:get".
func (o *Object) nameOf(f *Function) string {
	table := o.written()
	switch {
	case table == "":
		return f.Name
	case f.Colon:
		return table + ":" + f.Name
	}
	return table + "." + f.Name
}

// syntax is a call: "cache:get(key)".
func (o *Object) syntax(f *Function) string {
	var params []string
	for _, v := range f.Params {
		name := v.Name
		if v.Optional {
			name += "?"
		}
		params = append(params, name)
	}
	return o.nameOf(f) + "(" + strings.Join(params, ", ") + ")"
}

// callOf is a call in the words of an overload: "api.json(value: any): rover.Response".
func callOf(name, overload string) string { return name + strings.TrimPrefix(overload, "fun") }

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	return regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(heading), "")
}

func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i >= 0 {
		return s[:i+1]
	}
	return s
}
