package expect

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// verify raises an error if schema is none, or holds one that is none. A mistake must not wait for
// the client that sends a value at its place.
func (c *checker) verify(at *place, schema lua.LValue) {
	v := verifier{checker: c, seen: map[*lua.LTable]bool{}}
	v.verify(at, schema, object{})
}

// verifier is one run of verify.
type verifier struct {
	*checker
	seen  map[*lua.LTable]bool // a schema may hold itself
	level int
}

// maxLevel is beyond the levels of any JSON.
const maxLevel = 100

// object is the schema of an object that a schema stands in, maybe as an item of an array.
type object struct {
	at    *place
	table *lua.LTable // nil: there is none
}

func (c *verifier) verify(at *place, schema lua.LValue, in object) {
	c.pace.Step(c.L)
	switch schema := schema.(type) {
	case lua.LString:
		want := strings.TrimSuffix(string(schema), "?")
		if types[want] == nil {
			c.wrong(at, in, fmt.Sprintf("%q is not a type: %s", want, knownTypes))
		}
	case *lua.LTable:
		if c.seen[schema] || c.level == maxLevel {
			return
		}
		c.seen[schema] = true
		c.level++
		defer func() { c.level-- }()
		if item := schema.RawGetInt(1); item != lua.LNil {
			c.verify(&place{up: at, index: 1}, item, in)
			return
		}
		for _, key := range c.names(schema) {
			c.verify(&place{up: at, name: strings.TrimSuffix(key, "?")}, schema.RawGetString(key), object{at, schema})
		}
	default:
		c.wrong(at, in, "a type or a table expected, got "+luaval.TypeName(schema))
	}
}

// wrong raises what is wrong with the schema at a place. Scripts of Rover's own server describe a
// field as { type = "string", required = true }, which is an object with two members here.
func (c *verifier) wrong(at *place, in object, message string) {
	if in.at != nil {
		if name, ok := in.table.RawGetString("type").(lua.LString); ok && types[string(name)] != nil {
			message += fmt.Sprintf("; to say that %s is of the type %s write %q, or %q where it may be missing",
				in.at.in(c.faults.what), name, string(name), string(name)+"?")
		}
	}
	c.L.RaiseError("expect: %s: %s", at.in(c.faults.what), message)
}
