package expect

import (
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/schema"
)

// descriptorKeys are those of a table that describes a validator.
var descriptorKeys = []string{
	"check", "default", "element", "email", "enum", "len", "match", "max", "min", "nullable", "required", "required_msg",
	"schema", "type", "url", "uuid",
}

// isDescriptor reports whether a table describes a validator: {type = "string", required = true}. It
// could be an object with the members type and required as well. It is none where type is one of the six
// names and there is another key, and each key is one of a descriptor, with a value that it may have
// there. In a descriptor all tables are some, but for those of arrays.
func isDescriptor(t *lua.LTable, described bool) bool {
	name, ok := t.RawGetString("type").(lua.LString)
	if described {
		return t.RawGetInt(1) == lua.LNil
	}
	kind, known := schema.KindNamed(string(name))
	if !ok || !known || kind == schema.Any || kind == schema.Table {
		return false
	}
	keys := 0
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		name, ok := k.(lua.LString)
		if keys++; !ok || !fitsDescriptor(string(name), v) {
			return false
		}
	}
	return keys > 1
}

// fitsDescriptor reports whether a key of a descriptor may have a value, as far as that tells it from
// one of an object. Those that Rover's own server knows may have any.
func fitsDescriptor(key string, v lua.LValue) bool {
	switch key {
	case "required", "nullable", "email", "uuid", "url":
		return v.Type() == lua.LTBool
	case "min", "max", "len":
		return v.Type() == lua.LTNumber
	case "match":
		return v.Type() == lua.LTUserData
	case "check":
		return v.Type() == lua.LTFunction
	}
	return slices.Contains(descriptorKeys, key)
}

// descriptor reads one.
func (r *reader) descriptor(at *schema.Place, t *lua.LTable) schema.Field {
	if r.level++; r.level > schema.MaxDepth {
		r.wrong(at, object{}, "nested too deep, or in itself")
	}
	defer func() { r.level-- }()
	name, ok := t.RawGetString("type").(lua.LString)
	kind, known := schema.KindNamed(string(name))
	if !ok || !known || kind == schema.Any || kind == schema.Table {
		r.wrong(at, object{}, `the table is in a descriptor, and needs a type: "string", "number", "integer", "boolean", "array" or "object"`)
	}
	f := schema.Field{Schema: &schema.Schema{Kind: kind, Open: true}}
	var keys []string
	for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
		r.pace.Step(r.L)
		key, ok := k.(lua.LString)
		if !ok || !slices.Contains(descriptorKeys, string(key)) {
			r.wrong(at, object{}, "a descriptor has no key "+quoteKey(k)+meantKey(k))
		}
		keys = append(keys, string(key))
	}
	slices.SortFunc(keys, func(a, b string) int { return order(a) - order(b) })
	for _, key := range keys {
		if why := r.describe(at, &f, key, t.RawGetString(key)); why != "" {
			r.wrong(at, object{}, key+": "+why)
		}
	}
	if why := complete(r.L, &f); why != "" {
		r.wrong(at, object{}, why)
	}
	if why := ignored(&f); why != "" && r.warn != nil {
		r.warn(at.String() + ": " + why)
	}
	return f
}

// order has what others depend on come first.
func order(key string) int {
	switch key {
	case "element", "schema":
		return 0
	case "required":
		return 1
	}
	return 2
}

// describe sets what a key of a descriptor says. It returns what is wrong, "" if nothing is.
func (r *reader) describe(at *schema.Place, f *schema.Field, key string, v lua.LValue) string {
	switch key {
	case "type":
	case "element":
		if f.Schema.Kind != schema.Array {
			return "is for an array"
		}
		f.Schema.Element = r.element(at, v, object{described: true})
	case "schema":
		t, ok := v.(*lua.LTable)
		if f.Schema.Kind != schema.Object || !ok {
			return "is for an object: a table of its members"
		}
		s := r.table(at, t, object{described: true})
		f.Schema.Fields, f.Schema.Open = s.Fields, false
		if s.Kind == schema.Array {
			return "names expected, got an array"
		}
	case "required":
		required, ok := v.(lua.LBool)
		if !ok {
			return "a boolean expected"
		}
		f.Required = bool(required)
	case "required_msg":
		if message, ok := v.(lua.LString); ok {
			f.Message = string(message)
			return ""
		}
		return "a text expected"
	case "nullable", "email", "uuid", "url":
		switch v {
		case lua.LTrue:
			return modifiers[key](r.L, f, lua.LNil)
		case lua.LFalse:
			return ""
		}
		return "a boolean expected"
	default:
		return modifiers[key](r.L, f, v)
	}
	return ""
}
