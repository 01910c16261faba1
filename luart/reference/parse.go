package reference

import (
	"fmt"
	"regexp"
	"strings"
)

// Module is one file of definitions.
type Module struct {
	Name    string // as in its first line: "rover.json"
	Header  string // what the plain comment behind that says
	Objects []*Object
}

// Object is a table of functions, or a class.
type Object struct {
	Name  string // "rover.json", "rover.Ctx"; "" has what is in no table of the file
	Local string // how the file calls it: "Ctx"
	Comment
	Parent     string
	Fields     []Value
	Overloads  []string // of a class that can be called: "fun(value: any): rover.Response"
	Type       string   // of a variable that is neither a class nor a plain table
	Alias      string   // what a name of a type stands for
	Functions  []*Function
	Deprecated bool
}

// Function is one function.
type Function struct {
	Name  string // without its table
	Colon bool
	Comment
	Params     []Value
	Returns    []Value
	Overloads  []string
	Deprecated bool
}

// Value is a field, a parameter or a result.
type Value struct {
	Name, Type, Text string
	Optional         bool
}

// Comment is what the lines above a declaration say.
type Comment struct {
	Text    []string // paragraphs
	Errors  string
	Waits   string
	Where   string
	Example string // a block of Lua
	See     string // the function whose example shows this one, too
}

// parser reads one file.
type parser struct {
	module  *Module
	byLocal map[string]*Object
	byName  map[string]*Object

	lines []string // of the comment that is being read, without annotations
	next  declaration
}

// declaration is what annotations have said of the declaration that is to come.
type declaration struct {
	class      *Object
	params     []Value
	returns    []Value
	overloads  []string
	typ        string
	deprecated bool
}

var (
	metaLine     = regexp.MustCompile(`^---@meta ([\w.]+)$`)
	functionLine = regexp.MustCompile(`^function ([\w.]+?)(?:([.:])(\w+))?\(([^)]*)\) end$`)
	localLine    = regexp.MustCompile(`^local (\w+) = \{\}$`)
	assignLine   = regexp.MustCompile(`^([\w.]+) = (.*)$`)
)

// Parse reads a file of definitions. Errors say which line they are about.
func Parse(file, text string) (*Module, error) {
	p := &parser{module: &Module{}, byLocal: map[string]*Object{}, byName: map[string]*Object{}}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
		}
	}
	if p.module.Name == "" {
		return nil, fmt.Errorf("%s: its first line is not ---@meta and a name", file)
	}
	return p.module, nil
}

func (p *parser) line(line string) error {
	switch {
	case p.module.Name == "":
		m := metaLine.FindStringSubmatch(line)
		if m == nil {
			return fmt.Errorf("---@meta and a name expected")
		}
		p.module.Name = m[1]
	case strings.HasPrefix(line, "---@"):
		return p.annotation(strings.TrimPrefix(line, "---@"))
	case strings.HasPrefix(line, "---"):
		p.lines = append(p.lines, strings.TrimPrefix(line, "---"))
	case strings.HasPrefix(line, "-- ") && len(p.module.Objects) == 0:
		p.module.Header = strings.TrimSpace(p.module.Header + " " + strings.TrimPrefix(line, "-- "))
	case line == "" || strings.HasPrefix(line, "--"):
		return p.endClass()
	default:
		return p.code(line)
	}
	return nil
}

// annotation reads one of LuaCATS.
func (p *parser) annotation(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "class":
		name, parent, _ := strings.Cut(rest, ": ")
		p.next.class = p.object(name)
		p.next.class.Parent = parent
	case "field":
		if p.next.class == nil {
			return fmt.Errorf("a field without a class")
		}
		v, err := named(rest)
		if err != nil {
			return err
		}
		p.next.class.Fields = append(p.next.class.Fields, v)
	case "param":
		v, err := named(rest)
		if err != nil {
			return err
		}
		p.next.params = append(p.next.params, v)
	case "return":
		typ, rest, err := cutType(rest)
		if err != nil {
			return err
		}
		name, text, _ := strings.Cut(rest, " ")
		p.next.returns = append(p.next.returns, Value{Name: name, Type: typ, Text: text})
	case "overload":
		if p.next.class != nil {
			p.next.class.Overloads = append(p.next.class.Overloads, rest)
		} else {
			p.next.overloads = append(p.next.overloads, rest)
		}
	case "alias":
		name, typ, _ := strings.Cut(rest, " ")
		o := p.object(name)
		o.Alias = typ
		p.next.class = o
	case "type":
		p.next.typ = rest
	case "deprecated":
		p.next.deprecated = true
	case "operator", "generic": // for the editor's checks only
	default:
		return fmt.Errorf("unknown annotation @%s", word)
	}
	return nil
}

// code reads a declaration: a function, a table, or a local that stands for a class.
func (p *parser) code(line string) error {
	defer func() { p.lines, p.next = nil, declaration{} }()
	if m := localLine.FindStringSubmatch(line); m != nil {
		if p.next.class == nil {
			return fmt.Errorf("local %s is of no class", m[1])
		}
		o := p.next.class
		o.Local = m[1]
		p.byLocal[m[1]] = o
		return p.endClass()
	}
	if m := functionLine.FindStringSubmatch(line); m != nil {
		return p.function(m[1], m[2], m[3], m[4])
	}
	m := assignLine.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("a declaration expected, not %q", line)
	}
	c, err := comment(p.lines)
	if err != nil {
		return err
	}
	if m[2] == "{}" && p.next.typ == "" && p.next.class == nil {
		p.object(m[1]).Comment = c
		return nil
	}
	if p.next.class != nil { // a global of a class
		p.next.class.Comment, p.next.class.Local = c, m[1]
		p.byLocal[m[1]] = p.next.class
		return nil
	}
	o := p.object(m[1])
	o.Comment, o.Type = c, p.next.typ
	return nil
}

func (p *parser) function(table, separator, name, args string) error {
	c, err := comment(p.lines)
	if err != nil {
		return err
	}
	f := &Function{
		Name: name, Colon: separator == ":", Comment: c, Params: p.next.params, Returns: p.next.returns,
		Overloads: p.next.overloads, Deprecated: p.next.deprecated,
	}
	var names []string
	for _, v := range f.Params {
		names = append(names, v.Name)
	}
	if got := strings.Join(names, ", "); got != args {
		return fmt.Errorf("the parameters are (%s), and @param names (%s)", args, got)
	}
	o := p.byLocal[table]
	switch {
	case name == "": // a global
		f.Name, o = table, p.object("")
	case o == nil:
		o = p.object(table)
	}
	o.Functions = append(o.Functions, f)
	return nil
}

// object returns the one of a name, a new one the first time.
func (p *parser) object(name string) *Object {
	o := p.byName[name]
	if o == nil {
		o = &Object{Name: name}
		p.byName[name] = o
		p.module.Objects = append(p.module.Objects, o)
	}
	return o
}

// endClass ends the comment of a class or an alias that no local stands for.
func (p *parser) endClass() error {
	if p.next.class != nil {
		c, err := comment(p.lines)
		if err != nil {
			return err
		}
		p.next.class.Comment, p.next.class.Deprecated = c, p.next.deprecated
	} else if len(p.lines) > 0 {
		return fmt.Errorf("there is a comment above, and nothing that it is about")
	}
	p.lines, p.next = nil, declaration{}
	return nil
}

// named reads "name? type text".
func named(s string) (Value, error) {
	name, rest, ok := strings.Cut(s, " ")
	if !ok {
		return Value{}, fmt.Errorf("%s has no type", s)
	}
	typ, text, err := cutType(rest)
	if err != nil {
		return Value{}, err
	}
	v := Value{Name: strings.TrimSuffix(name, "?"), Type: typ, Text: text}
	v.Optional = v.Name != name
	return v, nil
}

// cutType takes a type off the beginning of a line: up to a space that is in no brackets, and
// follows neither the colon of a function's result nor the comma between several.
func cutType(s string) (typ, rest string, err error) {
	depth := 0
	for i, c := range s {
		switch c {
		case '(', '{', '<', '[':
			depth++
		case ')', '}', '>', ']':
			depth--
		case ' ':
			if depth == 0 && !strings.HasSuffix(s[:i], "):") && !strings.HasSuffix(s[:i], ",") {
				return s[:i], s[i+1:], nil
			}
		}
	}
	if depth != 0 || s == "" {
		return "", "", fmt.Errorf("%q is no type", s)
	}
	return s, "", nil
}
