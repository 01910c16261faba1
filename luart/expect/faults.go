package expect

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// MaxFaults of one value are named, the others counted: a client that sends a thousand wrong
// items gets no answer that is longer than what it sent.
const MaxFaults = 100

// Fault is one thing that is wrong with a value.
type Fault struct {
	Field   string // "items[2].id"; "" is the value itself
	Message string // "Must be a string, got number"
	Type    string // "required", "type" or "unknown"
}

// Faults is what is wrong with a value: at least one thing.
type Faults struct {
	List []Fault // in the order of the schema's names; MaxFaults at most

	what  string // the value's name
	count int    // of all
	first string // the message about the first
}

// add notes a fault at a place. says follows its name in a sentence, message stands alone.
func (f *Faults) add(at *place, kind, says, message string) {
	if f.count++; f.count > MaxFaults {
		return
	}
	if f.count == 1 {
		f.first = "Field '" + at.in("") + "' " + says
		if at == nil {
			f.first = strings.ToUpper(f.what[:1]) + f.what[1:] + " " + says
		}
	}
	if kind == "required" {
		message = "Field '" + at.in("") + "' " + says
	}
	f.List = append(f.List, Fault{Field: at.in(""), Message: message, Type: kind})
}

// Message is one line about all of them: the first, and how many more there are.
func (f *Faults) Message() string {
	if f.count == 1 {
		return f.first
	}
	return fmt.Sprintf("%s, and %d more", f.first, f.count-1)
}

// String is a list of them for people.
func (f *Faults) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Validation failed for %s:\n", f.what)
	for i, fault := range f.List {
		fmt.Fprintf(&b, "\n  %d. Field '%s'\n     Error: %s\n     Type: %s\n", i+1, fault.Field, fault.Message, fault.Type)
	}
	if more := f.count - len(f.List); more > 0 {
		fmt.Fprintf(&b, "\n  and %d more\n", more)
	}
	return b.String()
}

// Raise raises the error table {status = 400, message = …, errors = {{field, message, type}, …}},
// whose tostring is String.
func (f *Faults) Raise(L *lua.LState) {
	list := L.CreateTable(len(f.List), 0)
	for _, fault := range f.List {
		t := L.CreateTable(0, 3)
		t.RawSetString("field", lua.LString(fault.Field))
		t.RawSetString("message", lua.LString(fault.Message))
		t.RawSetString("type", lua.LString(fault.Type))
		list.Append(t)
	}
	meta := L.CreateTable(0, 2)
	meta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(f.String()))
		return 1
	}))
	meta.RawSetString("__metatable", lua.LFalse)
	t := L.CreateTable(0, 3)
	t.Metatable = meta
	t.RawSetString("status", lua.LNumber(http.StatusBadRequest))
	t.RawSetString("message", lua.LString(f.Message()))
	t.RawSetString("errors", list)
	L.Error(t, 1)
}

// place is where a value stands; nil is the value itself. It becomes text only when something is
// wrong there.
type place struct {
	up    *place
	name  string
	index int // in an array; 0: name counts
}

// in is the path to the place, and what where that is the whole value.
func (p *place) in(what string) string {
	if p == nil {
		return what
	}
	path := ""
	for ; p != nil; p = p.up {
		switch {
		case p.index > 0:
			path = "[" + strconv.Itoa(p.index) + "]" + path
		case p.up != nil:
			path = "." + luaval.Shown(p.name) + path
		default:
			path = luaval.Shown(p.name) + path
		}
	}
	return path
}
