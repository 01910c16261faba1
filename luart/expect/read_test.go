package expect

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/schema"
)

// Descriptors are as those of Rover's own server, and stand among the other forms.
func TestDescriptors(t *testing.T) {
	const name = `{ name = { type = "string", required = true } }`
	for _, tt := range []struct{ schema, in, want string }{
		{name, `{"name":"Ann"}`, `{"name":"Ann"}`},
		{name, `{}`, `name: required: Field 'name' is required`},
		{name, `{"name":null}`, `name: required: Field 'name' is required`},
		{name, `{"name":""}`, `{"name":""}`},
		{`{ n = { type = "string", required = true, required_msg = "Who?" } }`, `{}`, `n: required: Who?`},
		{`{ n = { type = "integer", default = 7 } }`, `{}`, `{"n":7}`},
		{`{ n = { type = "integer", default = 7 } }`, `{"n":null}`, `{"n":7}`},
		{`{ n = { type = "boolean", default = false } }`, `{}`, `{"n":false}`},
		{`{ n = { type = "integer", default = 7, required = true } }`, `{}`, `n: required: Field 'n' is required`},
		{`{ n = { type = "integer", required = false } }`, `{}`, `{}`},
		{`{ n = { type = "integer", required = false } }`, `{"n":null}`, `{}`},
		{`{ n = { type = "integer", nullable = true } }`, `{"n":null}`, `{"n":null}`},
		{`{ n = { type = "integer", nullable = true } }`, `{}`, `{}`},
		{`{ k = { type = "string", enum = { "a", "b" } } }`, `{"k":"c"}`, `k: enum: Must be one of: a, b. Got: 'c'`},
		{`{ k = { type = "integer", enum = { 1, 2 } } }`, `{"k":2.0}`, `{"k":2}`},
		{`{ k = { type = "integer", enum = { 1, 2 } } }`, `{"k":3}`, `k: enum: Must be one of: 1, 2. Got: '3'`},
		{`{ k = { type = "string", enum = { "1" } } }`, `{"k":1}`, `k: type: Must be a string, got number`},
		{`{ t = { type = "array", element = { type = "string" } } }`, `{"t":["a",1]}`, `t[2]: type: Must be a string, got number`},
		{`{ t = { type = "array", element = { type = "string" } } }`, `{"t":["a",null]}`, `t[2]: required: Field 't[2]' is required`},
		{`{ t = { type = "array", element = { type = "string", default = "x" } } }`, `{"t":["a",null]}`, `{"t":["a","x"]}`},
		{`{ t = { type = "array", element = { type = "string", nullable = true } } }`, `{"t":["a",null]}`, `{"t":["a",null]}`},
		{`{ t = { type = "array", element = "string?" } }`, `{"t":["a",null]}`, `{"t":["a",null]}`},
		{`{ t = { type = "array", default = {} } }`, `{}`, `{"t":[]}`},
		{`{ t = { type = "array", min = 1, max = 2 } }`, `{"t":[]}`, `t: min: Must have at least 1 item, got 0`},
		{`{ t = { type = "array", min = 1, max = 2 } }`, `{"t":[1,2,3]}`, `t: max: Must have at most 2 items, got 3`},
		{`{ s = { type = "string", len = 3 } }`, `{"s":"äöü"}`, `{"s":"äöü"}`},
		{`{ s = { type = "string", len = 3 } }`, `{"s":"abcd"}`, `s: len: Must have exactly 3 characters, got 4`},
		{`{ n = { type = "number", min = 0, max = 1 } }`, `{"n":-0.5}`, `n: min: Must be at least 0, got -0.5`},
		{`{ n = { type = "number", min = 0, max = 1 } }`, `{"n":1e400}`, `n: max: Must be at most 1, got 1e400`},
		{`{ e = { type = "string", email = true } }`, `{"e":"a b@c"}`, `e: email: Must be an email address`},
		{`{ e = { type = "string", uuid = true } }`, `{"e":"x"}`, `e: uuid: Must be a UUID`},
		{`{ e = { type = "string", url = true } }`, `{"e":"javascript:x"}`, `e: url: Must be an http or https URL`},
		{
			`{ o = { type = "object", required = true, schema = { city = { type = "string" }, zip = { type = "string", required = true } } } }`,
			`{"o":{"city":"x","more":1}}`, `o.zip: required: Field 'o.zip' is required`,
		},
		{`{ o = { type = "object", schema = { type = { type = "string" } } } }`, `{"o":{"type":"x","more":1}}`, `{"o":{"type":"x"}}`},
		{`{ o = { type = "object", schema = { a = { "integer" }, b = "integer?" } } }`, `{"o":{"a":[1]}}`, `{"o":{"a":[1]}}`},
		{`{ o = { type = "object", required = false } }`, `{"o":{"any":{"thing":1}}}`, `{"o":{"any":{"thing":1}}}`},
		{`{ type = "object", schema = { a = { type = "string" } } }`, `{"a":"x","b":1}`, `{"a":"x"}`},

		// A member that is called type.
		{`{ a = { type = "string" } }`, `{"a":{"type":"x"}}`, `{"a":{"type":"x"}}`},
		{`{ a = { type = "string", min = "number" } }`, `{"a":{"type":"x","min":1}}`, `{"a":{"min":1,"type":"x"}}`},
		{`{ a = { type = "string", name = "string" } }`, `{"a":{"type":"x","name":"y"}}`, `{"a":{"name":"y","type":"x"}}`},
		{`{ a = { type = "string", ["required?"] = "boolean" } }`, `{"a":{"type":"x"}}`, `{"a":{"type":"x"}}`},
		{`{ a = { type = "string", required = "boolean" } }`, `{"a":{"type":"x","required":true}}`, `{"a":{"required":true,"type":"x"}}`},
		{`{ a = { type = "strings", default = "string" } }`, `{}`, `expect: a.type: "strings" is not a type: `},
	} {
		L := newState(t)
		if got := attempt(t, L, tt.schema, tt.in); got != tt.want && !(strings.HasPrefix(tt.want, "expect: ") && strings.Contains(got, tt.want)) {
			t.Errorf("%s against %s:\ngot  %s\nwant %s", tt.in, tt.schema, got, tt.want)
		}
	}
}

// attempt is outcome, or what Read raises.
func attempt(t *testing.T, L *lua.LState, expected, in string) (got string) {
	t.Helper()
	s, v := eval(t, L, expected), decoded(t, L, in)
	err := L.GPCall(func(L *lua.LState) int {
		got = outcome(t, L, s, v, schema.Strip)
		return 0
	}, lua.LNil)
	if err != nil {
		return err.Error()
	}
	return got
}

func TestSchemaErrors(t *testing.T) {
	for expected, want := range map[string]string{
		`{ a = { b = "strng" } }`: `expect: a.b: "strng" is not a type: string, `,
		`{ a = { b = true } }`:    `expect: a.b: a type, a table or a validator expected, got boolean`,
		`"strng"`:                 `expect: request body: "strng" is not a type: string, `,
		`nil`:                     `expect: request body: a type, a table or a validator expected, got nil`,
		`{ a = print }`:           `a type, a table or a validator expected, got function`,

		// Also where no value stands at the place.
		`{ no = { "strng" } }`:               `expect: no[1]: "strng" is not a type: string, `,
		`{ ["no?"] = { b = { c = true } } }`: `expect: no.b.c: a type, a table or a validator expected, got boolean`,
		`{ a = "string", z = 1 }`:            `expect: z: a type, a table or a validator expected, got number`,

		`{ "string", "number" }`:           `expect: request body: an array has one schema, for all items; this table has more: 2`,
		`{ "string", x = 1 }`:              `this table has more: x`,
		`{ [true] = "string" }`:            `expect: request body: names expected, got the key true`,
		`{ a = "string", ["a?"] = "any" }`: `expect: request body: "a" and "a?" are both there`,

		// What is nearly a descriptor is read as an object.
		`{ a = { type = "integer", required = true, maximum = 5 } }`: `expect: a.maximum: a type, a table or a validator expected, got number; ` +
			`if the table is to describe a, a key of it is none of check, default, `,
		`{ a = { type = "string", required = 1 } }`:                                          `if the table is to describe a`,
		`{ a = { type = "array", element = { type = "strng" } } }`:                           `expect: a[1]: the table is in a descriptor, and needs a type: "string"`,
		`{ a = { type = "array", element = { name = "string" } } }`:                          `expect: a[1]: the table is in a descriptor, and needs a type`,
		`{ a = { type = "array", element = { type = "string", requird = true } } }`:          `expect: a[1]: a descriptor has no key "requird": did you mean required?`,
		`{ a = { type = "object", schema = { b = { type = "any" } } } }`:                     `expect: a.b: the table is in a descriptor, and needs a type`,
		`{ a = { type = "object", schema = { "string" } } }`:                                 `expect: a: schema: names expected, got an array`,
		`{ a = { type = "object", schema = "string" } }`:                                     `expect: a: schema: is for an object: a table of its members`,
		`{ a = { type = "string", element = "string" } }`:                                    `expect: a: element: is for an array`,
		`{ a = { type = "string", default = 5 } }`:                                           `expect: a: the default does not fit: Value must be a string, got number`,
		`{ a = { type = "integer", default = 1.5 } }`:                                        `Value must be an integer, got float 1.5`,
		`{ a = { type = "integer", default = 0/0 } }`:                                        `Value must be an integer, got nan`,
		`{ a = { type = "string", default = "c", enum = { "a", "b" } } }`:                    `the default does not fit: Value must be one of: a, b. Got: 'c'`,
		`{ a = { type = "object", default = {}, schema = { b = "string" } } }`:               `the default does not fit: Field 'b' is required`,
		`{ a = { type = "object", default = { f = print }, required = false } }`:             `a function is no plain data (at .f)`,
		`{ a = { type = "string", enum = {} } }`:                                             `expect: a: enum: a list of values expected`,
		`{ a = { type = "string", enum = { "a", 2 } } }`:                                     `expect: a: enum: value 2 must be a string, got number`,
		`{ a = { type = "array", enum = { "a" } } }`:                                         `expect: a: enum: is not for an array`,
		`{ a = { type = "boolean", min = 1 } }`:                                              `expect: a: min: is for a number, a string or an array, not for a boolean`,
		`{ a = { type = "string", min = 1.5 } }`:                                             `expect: a: min: a whole number of characters or items expected, got 1.5`,
		`{ a = { type = "string", max = -1 } }`:                                              `expect: a: max: a whole number of characters or items expected, got -1`,
		`{ a = { type = "integer", max = 0/0 } }`:                                            `expect: a: max: a number expected, got nan`,
		`{ a = { type = "integer", min = 2, max = 1 } }`:                                     `expect: a: nothing is at least 2 and at most 1`,
		`{ a = { type = "string", min = 2, len = 1 } }`:                                      `expect: a: nothing has the length 1 and is within min and max`,
		`{ a = { type = "integer", len = 1 } }`:                                              `expect: a: len: is for a string or an array, not for an integer`,
		`{ a = { type = "integer", email = true } }`:                                         `expect: a: email: is for a string, not for an integer`,
		`{ a = { type = "string", email = true, url = true } }`:                              `expect: a: url: it is an email address already`,
		`{ ["a?"] = { type = "string", required = true } }`:                                  `expect: a: the name says that it may be missing, and what it stands for that it is required`,
		`(function() local d = { type = "array" } d.element = d return { a = d } end)()`:     `nested too deep, or in itself`,
		`(function() local d = { "string" } for _ = 1, 100 do d = { d } end return d end)()`: `nested deeper than 64 levels`,
	} {
		L := newState(t)
		s := eval(t, L, expected)
		err := L.GPCall(func(L *lua.LState) int { Read(L, "request body", s, nil); return 0 }, lua.LNil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", expected, err, want)
		}
	}
}

// A schema may hold itself; a value that is deeper than it may be does not get through.
func TestSchemaWithoutEnd(t *testing.T) {
	L := newState(t)
	tree := eval(t, L, `(function()
		local tree = { name = "string" }
		tree["left?"], tree["all?"] = tree, { tree }
		return tree
	end)()`)
	v := decoded(t, L, `{"name":"a","left":{"name":"b","all":[{"name":"c","x":1},{"name":2}]}}`)
	if got, want := outcome(t, L, tree, v, schema.Strip), "left.all[2].name: type: Must be a string, got number"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	deep := eval(t, L, `(function()
		local top = { name = "a" }
		local at = top
		for _ = 1, 100 do at.left = { name = "a" } at = at.left end
		return top
	end)()`)
	if got, want := outcome(t, L, tree, deep, schema.Strip), ": depth: Must not be nested deeper than 64 levels"; !strings.HasSuffix(got, want) || strings.Count(got, ".left") != 63 {
		t.Errorf("got %s, want %s at its end", got, want)
	}
}
