package expect

import (
	"maps"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/schema"
)

// Validator is what g:string() returns: a field whose modifiers change it. What it was when it was put
// into a schema stays there.
type Validator struct{ field schema.Field }

// NewValidator returns one of a kind. in is what stands in the parentheses of g:array(element) or
// g:object(schema), nil where there is nothing. It raises for
// what is no schema. warn is that of Read.
func NewValidator(L *lua.LState, kind schema.Kind, in lua.LValue, warn func(why string)) *Validator {
	s := &schema.Schema{Kind: kind, Open: true}
	if in != nil {
		r := reader{L: L, what: kind.String(), warn: warn, read: map[reading]*schema.Schema{}}
		switch t, isTable := in.(*lua.LTable); {
		case kind == schema.Array:
			s.Element = r.element(nil, in, object{})
		case isTable && t.RawGetInt(1) == lua.LNil:
			s.Fields, s.Open = r.table(nil, t, object{}).Fields, false
		default:
			r.wrong(nil, object{}, "a table of names and schemas expected")
		}
	}
	return &Validator{field: schema.Field{Schema: s}}
}

// Modifiers are the names of the methods of a validator, sorted.
var Modifiers = slices.Sorted(maps.Keys(modifiers))

// Modify is v:name(argument). It returns what is wrong with that, "" if nothing is; then v has changed:
// its schema is another one, because schemas that it was put into have the old one.
func (v *Validator) Modify(L *lua.LState, name string, argument lua.LValue) string {
	changed := v.field
	s := *changed.Schema
	changed.Schema = &s
	why := modifiers[name](L, &changed, argument)
	if why == "" {
		why = complete(L, &changed)
	}
	if why == "" {
		v.field = changed
	}
	return why
}

// Ignored says what of the validator has no effect, "" if everything has.
func (v *Validator) Ignored() string { return ignored(&v.field) }

func ignored(f *schema.Field) string {
	if f.Required && f.Schema.Default != nil {
		return "the default of a required value is not used: leave out one of the two"
	}
	return ""
}
