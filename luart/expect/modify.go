package expect

import (
	"fmt"
	"math"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
	"github.com/caddy-rover/rover/luart/spelling"
)

// modifiers are what a validator, or a key of a descriptor, says of a field besides its type: each
// changes the field, which is its caller's own, and returns what is wrong, "" if nothing is. What only
// several of them together can have wrong, complete says.
var modifiers = map[string]func(L *lua.LState, f *schema.Field, v lua.LValue) string{
	"required": func(_ *lua.LState, f *schema.Field, v lua.LValue) string {
		f.Required = true
		switch v := v.(type) {
		case *lua.LNilType:
			f.Message = ""
			return ""
		case lua.LString:
			f.Message = string(v)
			return ""
		}
		return "a message expected, got " + luaval.TypeName(v)
	},
	"default": func(_ *lua.LState, f *schema.Field, v lua.LValue) string {
		if isMissing(v) {
			return "a value expected, got " + describe(f.Schema.Kind, v)
		}
		value, err := toGo(v)
		if err != nil {
			return err.Error()
		}
		f.Schema.Default = value
		return ""
	},
	"enum": func(_ *lua.LState, f *schema.Field, v lua.LValue) string {
		t, ok := v.(*lua.LTable)
		if !ok || t.Len() == 0 {
			return "a list of values expected"
		}
		if s := f.Schema; s.Kind == schema.Array || s.Kind == schema.Object || s.Kind == schema.Table {
			return "is not for " + s.Kind.Article()
		}
		f.Schema.Enum = nil
		c := checker{}
		for i := 1; i <= t.Len(); i++ {
			is := t.RawGetInt(i)
			value, err := toGo(is)
			if err != nil || is.Type() == lua.LTTable || isNull(is) || !c.isKind(f.Schema.Kind, is) {
				return fmt.Sprintf("value %d must be %s, got %s", i, f.Schema.Kind.Article(), describe(f.Schema.Kind, is))
			}
			f.Schema.Enum = append(f.Schema.Enum, value)
		}
		return ""
	},
	"nullable": func(_ *lua.LState, f *schema.Field, _ lua.LValue) string {
		f.Schema.Nullable = true
		return ""
	},
	"min": func(_ *lua.LState, f *schema.Field, v lua.LValue) string { return bound(f.Schema, &f.Schema.Min, v) },
	"max": func(_ *lua.LState, f *schema.Field, v lua.LValue) string { return bound(f.Schema, &f.Schema.Max, v) },
	"len": func(_ *lua.LState, f *schema.Field, v lua.LValue) string {
		if f.Schema.Kind != schema.String && f.Schema.Kind != schema.Array {
			return "is for a string or an array, not for " + f.Schema.Kind.Article()
		}
		return bound(f.Schema, &f.Schema.Len, v)
	},
	"match": func(_ *lua.LState, f *schema.Field, v lua.LValue) string {
		if f.Schema.Kind != schema.String {
			return "is for a string, not for " + f.Schema.Kind.Article()
		}
		if ud, ok := v.(*lua.LUserData); ok {
			if pattern, ok := ud.Value.(Pattern); ok {
				f.Schema.Pattern = pattern
				return ""
			}
		}
		return `rover.re.compile("…") expected, got ` + luaval.TypeName(v)
	},
	"email": func(_ *lua.LState, f *schema.Field, _ lua.LValue) string { return format(f.Schema, schema.Email) },
	"uuid":  func(_ *lua.LState, f *schema.Field, _ lua.LValue) string { return format(f.Schema, schema.UUID) },
	"url":   func(_ *lua.LState, f *schema.Field, _ lua.LValue) string { return format(f.Schema, schema.URL) },
	"check": func(_ *lua.LState, f *schema.Field, v lua.LValue) string {
		fn, ok := v.(*lua.LFunction)
		if !ok {
			return "a function expected, got " + luaval.TypeName(v)
		}
		f.Schema.Checks = append(slices.Clone(f.Schema.Checks), fn)
		return ""
	},
}

// bound reads min, max or len.
func bound(s *schema.Schema, at **float64, v lua.LValue) string {
	n, ok := v.(lua.LNumber)
	switch {
	case !ok || math.IsNaN(float64(n)) || math.IsInf(float64(n), 0):
		return "a number expected, got " + describe(schema.Number, v)
	case s.Kind == schema.Number || s.Kind == schema.Integer:
	case s.Kind != schema.String && s.Kind != schema.Array:
		return "is for a number, a string or an array, not for " + s.Kind.Article()
	case n < 0 || n != lua.LNumber(math.Trunc(float64(n))):
		return "a whole number of characters or items expected, got " + luaval.ExactString(n)
	}
	bound := float64(n)
	*at = &bound
	return ""
}

func format(s *schema.Schema, format schema.Format) string {
	switch {
	case s.Kind != schema.String:
		return "is for a string, not for " + s.Kind.Article()
	case s.Format != schema.NoFormat && s.Format != format:
		return "it is " + s.Format.Article() + " already"
	}
	s.Format = format
	return ""
}

// complete says what a field has wrong that no modifier alone has. The default is made what a value is
// made that is like it: it may have members that have defaults themselves.
func complete(L *lua.LState, f *schema.Field) string {
	s := f.Schema
	if s.Min != nil && s.Max != nil && *s.Min > *s.Max {
		return fmt.Sprintf("nothing is at least %s and at most %s", number(*s.Min), number(*s.Max))
	}
	if s.Len != nil && (s.Min != nil && *s.Min > *s.Len || s.Max != nil && *s.Max < *s.Len) {
		return "nothing has the length " + number(*s.Len) + " and is within min and max"
	}
	if s.Default == nil {
		return ""
	}
	v, faults := Check(L, "value", &schema.Field{Schema: s, Required: true}, fromGo(L, s.Default), Options{NoChecks: true})
	if faults != nil {
		return "the default does not fit: " + faults.Message()
	}
	s.Default, _ = toGo(v)
	return ""
}

func number(n float64) string { return luaval.ExactString(lua.LNumber(n)) }

func quoteKey(k lua.LValue) string { return luaval.Quote(luaval.Shown(luaval.ExactText(k))) }

func meantKey(k lua.LValue) string {
	name, ok := k.(lua.LString)
	if !ok {
		return ""
	}
	if near := spelling.Nearest(string(name), descriptorKeys); near != "" {
		return ": did you mean " + near + "?"
	}
	return ""
}
