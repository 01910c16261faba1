package expect

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
)

// Read makes a field of what a script expects of one value; what names the value in messages. A schema
// is
//
//   - "string", "number", "integer", "boolean", "object", "array", "table" (one of the last two) or
//     "any": a value of that type, with whatever is in it;
//   - {name = schema, …}: an object with these members;
//   - {schema}: an array, each of whose items is as schema says;
//   - a validator, or a table that describes one: {type = "string", default = ""}. See isDescriptor.
//
// A member may be missing, or null, when its type ends in "?" ("string?") or its name does
// (["address?"] = {city = "string"}); a validator says so itself.
//
// It raises an error of the script for what is none of these, anywhere in it: a mistake must not wait for
// the client that sends a value at its place. warn is told of what has no effect; nil: nobody wants to
// know.
func Read(L *lua.LState, what string, v lua.LValue, warn func(why string)) *schema.Field {
	r := reader{L: L, what: what, warn: warn, read: map[reading]*schema.Schema{}}
	f := r.field(nil, v, object{})
	return &f
}

// reader is one run of Read.
type reader struct {
	L     *lua.LState
	pace  luaval.Pace
	what  string
	warn  func(why string)
	read  map[reading]*schema.Schema // a schema may hold itself
	level int
}

// reading is a way to read a table: in a descriptor, or not.
type reading struct {
	table     *lua.LTable
	described bool
}

// object is the table of an object that a schema stands in, maybe as an item of an array.
type object struct {
	at        *schema.Place
	table     *lua.LTable // nil: there is none
	described bool        // it is in a descriptor, where all tables are
}

// field reads a schema at a place.
func (r *reader) field(at *schema.Place, v lua.LValue, in object) schema.Field {
	r.pace.Step(r.L)
	switch v := v.(type) {
	case lua.LString:
		name, optional := strings.CutSuffix(string(v), "?")
		kind, ok := schema.KindNamed(name)
		if !ok {
			r.wrong(at, in, fmt.Sprintf("%q is not a type: %s", schema.Echo(name), knownTypes))
		}
		return schema.Field{Required: !optional, Schema: plain[kind]}
	case *lua.LTable:
		if isDescriptor(v, in.described) {
			return r.descriptor(at, v)
		}
		return schema.Field{Required: true, Schema: r.table(at, v, in)}
	case *lua.LUserData:
		if validator, ok := v.Value.(*Validator); ok {
			return validator.field
		}
	}
	r.wrong(at, in, "a type, a table or a validator expected, got "+luaval.TypeName(v))
	return schema.Field{}
}

// plain are the schemas of types.
var plain = func() (list [schema.Table + 1]*schema.Schema) {
	for k := range list {
		list[k] = &schema.Schema{Kind: schema.Kind(k), Open: true}
	}
	return list
}()

const knownTypes = "string, number, integer, boolean, object, array, table and any are, with or without ?"

// table reads {name = schema, …} or {schema}.
func (r *reader) table(at *schema.Place, t *lua.LTable, in object) *schema.Schema {
	if s := r.read[reading{t, in.described}]; s != nil {
		return s
	}
	if r.level++; r.level > schema.MaxDepth {
		r.wrong(at, in, fmt.Sprintf("nested deeper than %d levels", schema.MaxDepth))
	}
	defer func() { r.level-- }()
	s := &schema.Schema{Kind: schema.Object}
	r.read[reading{t, in.described}] = s
	if item := t.RawGetInt(1); item != lua.LNil {
		s.Kind = schema.Array
		if k, _ := t.Next(lua.LNumber(1)); k != lua.LNil {
			r.wrong(at, in, "an array has one schema, for all items; this table has more: "+luaval.Shown(luaval.ExactText(k)))
		}
		s.Element = r.element(at, item, object{at: in.at, table: in.table, described: in.described})
		return s
	}
	for _, key := range r.names(at, t, in) {
		name, optional := strings.CutSuffix(key, "?")
		if n := len(s.Fields); n > 0 && s.Fields[n-1].Name == name {
			r.wrong(at, in, fmt.Sprintf("%q and %q are both there", name, name+"?"))
		}
		place := &schema.Place{Up: at, Name: name}
		v := t.RawGetString(key)
		f := r.field(place, v, object{at: at, table: t, described: in.described})
		if optional {
			if f.Required && saysItself(v, in.described) {
				r.wrong(place, object{}, "the name says that it may be missing, and what it stands for that it is required")
			}
			f.Required = false
		}
		f.Name = name
		s.Fields = append(s.Fields, f)
	}
	return s
}

// saysItself reports whether a schema says whether it is required.
func saysItself(v lua.LValue, described bool) bool {
	if t, ok := v.(*lua.LTable); ok {
		return isDescriptor(t, described)
	}
	return v.Type() == lua.LTUserData
}

// element reads the schema of the items of an array. An item has a place among others, and so cannot be
// missing: null is a fault, unless it may be one or there is a default.
func (r *reader) element(at *schema.Place, v lua.LValue, in object) *schema.Field {
	f := r.field(&schema.Place{Up: at, Index: 1}, v, in)
	return asElement(f, v)
}

func asElement(f schema.Field, v lua.LValue) *schema.Field {
	if text, ok := v.(lua.LString); ok && strings.HasSuffix(string(text), "?") {
		s := *f.Schema
		s.Nullable = true
		f.Schema = &s
	} else if f.Schema.Default == nil {
		f.Required = true
	}
	return &f
}

// names returns the keys of an object's table: sorted by the names that they stand for.
func (r *reader) names(at *schema.Place, t *lua.LTable, in object) []string {
	var names []string
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		r.pace.Step(r.L)
		name, ok := k.(lua.LString)
		if !ok {
			r.wrong(at, in, "names expected, got the key "+luaval.Shown(luaval.ExactText(k)))
		}
		names = append(names, string(name))
	}
	slices.SortFunc(names, func(a, b string) int {
		return strings.Compare(strings.TrimSuffix(a, "?"), strings.TrimSuffix(b, "?"))
	})
	return names
}

// wrong raises what is wrong with the schema at a place. A descriptor with a key too many is an object
// with two members.
func (r *reader) wrong(at *schema.Place, in object, message string) {
	where := at.String()
	if at == nil {
		where = r.what
	}
	if in.table != nil {
		if kind, ok := in.table.RawGetString("type").(lua.LString); ok {
			if _, known := schema.KindNamed(string(kind)); known {
				object := in.at.String()
				if in.at == nil {
					object = r.what
				}
				message += fmt.Sprintf("; if the table is to describe %s, a key of it is none of %s, or has a wrong value",
					object, strings.Join(descriptorKeys, ", "))
			}
		}
	}
	r.L.RaiseError("expect: %s: %s", where, message)
}
