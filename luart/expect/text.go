package expect

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
)

// Texts are values that are texts: a query, parameters, headers.
type Texts struct {
	What string // "query": the name of all, for messages
	Path string // stands before the names of fields; "": nothing does
	Fold bool   // names are the same in any case: headers

	// Values returns those of a name, none if there is none.
	Values func(name string) []string
	// Names returns all names, for Refuse.
	Names func() []string
}

// ReadTexts is Read for what is compared with texts: an object, whose members have no members.
func ReadTexts(L *lua.LState, what string, v lua.LValue, warn func(why string)) *schema.Field {
	f := Read(L, what, v, warn)
	if f.Schema.Kind != schema.Object || f.Schema.Open {
		L.RaiseError("expect: %s: a table of names and schemas expected", what)
	}
	for i := range f.Schema.Fields {
		if why := noText(f.Schema.Fields[i].Schema); why != "" {
			L.RaiseError("expect: %s: %s: %s", what, schema.Echo(f.Schema.Fields[i].Name), why)
		}
	}
	return f
}

// noText says why texts cannot be as a schema says, "" if they can.
func noText(s *schema.Schema) string {
	switch {
	case s.Kind == schema.Object || s.Kind == schema.Table:
		return "a text cannot be " + s.Kind.Article()
	case s.Kind == schema.Array && s.Element != nil && (s.Element.Schema.Kind == schema.Array || noText(s.Element.Schema) != ""):
		return "an array of texts has strings, numbers, integers or booleans"
	}
	return ""
}

// CheckTexts is Check for texts, each of which it reads as a value of the kind that its field says: "12" is
// 12 where a number is expected. What can be read in two ways is a fault. An array has all values of a
// name; what is no array is there once.
func CheckTexts(L *lua.LState, f *schema.Field, texts Texts, o Options) (*lua.LTable, *schema.Faults) {
	c := checker{L: L, o: o, faults: schema.NewFaults(texts.What)}
	result := c.texts(f, texts)
	if !c.faults.Empty() {
		return nil, c.faults
	}
	return result, nil
}

func (c *checker) texts(f *schema.Field, texts Texts) *lua.LTable {
	result := c.L.CreateTable(0, len(f.Schema.Fields))
	var up *schema.Place
	if texts.Path != "" {
		up = &schema.Place{Name: texts.Path}
	}
	if c.o.Extra != schema.Strip {
		names := texts.Names()
		slices.Sort(names)
		for _, name := range names {
			c.pace.Step(c.L)
			switch {
			case hasText(f.Schema, name, texts):
			case c.o.Extra == schema.Refuse:
				c.faults.AddUnknown(&schema.Place{Up: up, Name: name})
			default:
				result.RawSetString(name, luaval.FirstValue(texts.Values(name)))
			}
		}
	}
	for i := range f.Schema.Fields {
		f := &f.Schema.Fields[i]
		at := &schema.Place{Up: up, Name: f.Name}
		if v, ok := c.text(at, f.Schema, texts.Values(f.Name)); ok {
			result.RawSetString(f.Name, c.value(at, f, v, 1))
		}
	}
	return result
}

// hasText reports whether a schema names what texts has under a name.
func hasText(s *schema.Schema, name string, texts Texts) bool {
	return hasField(s, name) || texts.Fold &&
		slices.ContainsFunc(s.Fields, func(f schema.Field) bool { return strings.EqualFold(f.Name, name) })
}

// text reads the values of one name as a schema says: nil is none. It returns false for a fault.
func (c *checker) text(at *schema.Place, s *schema.Schema, values []string) (lua.LValue, bool) {
	switch {
	case len(values) == 0:
		return lua.LNil, true
	case s.Kind == schema.Array:
		list, ok := c.L.CreateTable(len(values), 0), true
		for i, value := range values {
			c.pace.Step(c.L)
			kind := schema.String
			if s.Element != nil {
				kind = s.Element.Schema.Kind
			}
			v, fits := c.read(&schema.Place{Up: at, Index: i + 1}, kind, value)
			list.RawSetInt(i+1, v)
			ok = ok && fits
		}
		return list, ok
	case len(values) > 1:
		c.faults.Add(at, "type", fmt.Sprintf("be one value, got %d", len(values)))
		return lua.LNil, false
	}
	return c.read(at, s.Kind, values[0])
}

// read reads one text.
func (c *checker) read(at *schema.Place, kind schema.Kind, text string) (lua.LValue, bool) {
	var v lua.LValue = lua.LString(text)
	ok := true
	switch kind {
	case schema.Integer:
		var n float64
		n, ok = schema.ParseInteger(text)
		v = lua.LNumber(n)
	case schema.Number:
		var n float64
		n, ok = schema.ParseNumber(text)
		v = lua.LNumber(n)
	case schema.Boolean:
		var b bool
		b, ok = schema.ParseBoolean(text)
		v = lua.LBool(b)
	default:
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			c.faults.Add(at, "type", "be a text of UTF-8, without NUL")
			return lua.LNil, false
		}
	}
	if !ok {
		c.faults.Add(at, "type", "be "+kind.Article()+", got '"+schema.Echo(text)+"'")
	}
	return v, ok
}
