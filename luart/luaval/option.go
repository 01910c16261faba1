package luaval

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/spelling"
)

// Options are the names of the options that a function takes in a table. The function reads the
// table by them, and "caddy rover check" judges tables in the source of a script by them: so both
// know the same ones. It is not changed once it is made. Any goroutine may use it.
type Options struct {
	names     []string
	elsewhere map[string]string
	within    map[string]Nested
	narrowing []string
	words     map[string][]string
	read      func(L *lua.LState, f, name string, v lua.LValue)
}

// Words are the texts that an argument of a function may be, beside what is no text.
type Words struct {
	Arg   int // from 1, without the object of a method
	Names []string
}

// WrittenNil reports whether a table was written with a name whose value was nil. Of which names
// that is known says luac.Keeps.
var WrittenNil = func(t *lua.LTable, name string) bool { return false }

// Nested are the options in a table that is the value of an option.
type Nested struct {
	*Options

	// Each says that they are those of each table in that table: of a list, or by names that the
	// script chooses.
	Each bool
}

// NewOptions makes Options of names, in the order in which messages list them.
func NewOptions(names ...string) *Options { return &Options{names: names} }

// Elsewhere returns o with what to say of names that are options of another function, or are
// called otherwise in other languages.
func (o *Options) Elsewhere(hints map[string]string) *Options {
	changed := *o
	changed.elsewhere = hints
	return &changed
}

// Words returns o with the texts that an option may be, beside what is no text. "caddy rover check"
// judges texts in the source of a script by them.
func (o *Options) Words(name string, words ...string) *Options {
	changed := *o
	changed.words = maps.Clone(o.words)
	if changed.words == nil {
		changed.words = map[string][]string{}
	}
	changed.words[name] = words
	return &changed
}

// WordsOf returns the texts that an option may be; nil: others, too.
func (o *Options) WordsOf(name string) []string { return o.words[name] }

// Judged returns o with the function that reads an option of the function f, and raises in L for a value
// that it cannot be. "caddy rover check" judges values in the source of a script by it.
func (o *Options) Judged(read func(L *lua.LState, f, name string, v lua.LValue)) *Options {
	changed := *o
	changed.read = read
	return &changed
}

// Judge says what is wrong with the value of an option of f; "" if nothing is, or if only a call can say.
func (o *Options) Judge(f, name string, v lua.LValue) string {
	if o.read == nil {
		return ""
	}
	L := lua.NewState(lua.Options{SkipOpenLibs: true, RegistrySize: 256, CallStackSize: 16})
	defer L.Close()
	read := L.NewFunction(func(L *lua.LState) int {
		o.read(L, f, name, v)
		return 0
	})
	var raised *lua.ApiError
	if err := L.CallByParam(lua.P{Fn: read, Protect: true}); !errors.As(err, &raised) {
		return ""
	}
	message := raised.Object
	if t, ok := message.(*lua.LTable); ok { // with a status
		message = t.RawGetString("message")
	}
	return strings.TrimSpace(message.String()) // where in Lua it was raised stands before it: nowhere
}

// Narrowing returns o where some options let less through than their absence does, such as the roles
// that a token must have. One of these that is written with nothing as its value raises: of a setting
// that is missing, a condition must not become none.
func (o *Options) Narrowing(names ...string) *Options {
	changed := *o
	changed.narrowing = names
	return &changed
}

// NarrowingNames are the options of Narrowing.
func (o *Options) NarrowingNames() []string { return o.narrowing }

// Nil says that a table has an option of Narrowing without a value; "" if it has none.
func (o *Options) Nil(t *lua.LTable) string {
	for _, name := range o.narrowing {
		if WrittenNil(t, name) {
			return "option '" + name + "' is written, and its value is nil: without it more gets through; leave it out if that is meant"
		}
	}
	return ""
}

// Within returns o with the options in the table that an option may be.
func (o *Options) Within(name string, in *Options) *Options { return o.with(name, Nested{Options: in}) }

// WithinEach returns o with the options in each of the tables that an option may be a table of.
func (o *Options) WithinEach(name string, in *Options) *Options {
	return o.with(name, Nested{Options: in, Each: true})
}

func (o *Options) with(name string, in Nested) *Options {
	within := maps.Clone(o.within)
	if within == nil {
		within = map[string]Nested{}
	}
	within[name] = in
	changed := *o
	changed.within = within
	return &changed
}

// Nested returns the options in the value of an option; ok = false: it is no table of options, or
// the value alone can say.
func (o *Options) Nested(name string) (in Nested, ok bool) {
	in, ok = o.within[name]
	return in, ok
}

// Names are the options, in the order of NewOptions.
func (o *Options) Names() []string { return o.names }

// Unknown says that a name is none of the options, and what may be meant; "" if it is one.
func (o *Options) Unknown(name string) string {
	if slices.Contains(o.names, name) {
		return ""
	}
	text := "unknown option " + strconv.Quote(name) + ": "
	if hint := o.elsewhere[name]; hint != "" {
		return text + hint
	}
	if near := spelling.Nearest(name, o.names); near != "" {
		return text + spelling.DidYouMean(near)
	}
	if len(o.names) == 1 {
		return text + "there is " + o.names[0]
	}
	return text + "there are " + strings.Join(o.names, ", ")
}

// Each calls read for each option in t, argument n, in gopher-lua's order, which is that of
// insertion. It raises in L for a name that is no option.
func (o *Options) Each(L *lua.LState, t *lua.LTable, n int, read func(name string, v lua.LValue)) {
	o.each(L, t, read, func(why string) { ArgError(L, n, why) })
}

// EachOf is Each for the function f, "ctx:mirror", which errors name in place of the argument.
func (o *Options) EachOf(L *lua.LState, t *lua.LTable, f string, read func(name string, v lua.LValue)) {
	o.each(L, t, read, func(why string) { L.RaiseError("%s: %s", f, why) })
}

func (o *Options) each(L *lua.LState, t *lua.LTable, read func(name string, v lua.LValue), fail func(why string)) {
	if why := o.Nil(t); why != "" {
		fail(why)
	}
	var p Pace
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		p.Step(L)
		name, ok := k.(lua.LString)
		if !ok {
			fail("options by name expected, got a " + TypeName(k) + " as a name")
		}
		if why := o.Unknown(string(name)); why != "" {
			fail(why)
		}
		read(string(name), v)
	}
}

// OptionsAt says which arguments of a function are a table of options, without the object of a
// method: of those that a call has it is the last one.
type OptionsAt struct {
	*Options
	Args []int

	// Else is what to do about a table that comes before the last of Args, and in which no name is
	// an option: it is meant as something else. "": nothing is known.
	Else string
}

// Meant returns Else where it is what to do about argument n, a table with these names.
func (o OptionsAt) Meant(n int, names []string) string {
	if n == o.Args[len(o.Args)-1] || slices.ContainsFunc(names, func(name string) bool {
		return slices.Contains(o.names, name) || o.elsewhere[name] != ""
	}) {
		return ""
	}
	return o.Else
}

// At is OptionsAt for the options o.
func (o *Options) At(args ...int) OptionsAt { return OptionsAt{Options: o, Args: args} }

// EachField calls f for each string key of t, in gopher-lua's order, which is that
// of insertion.
func EachField(L *lua.LState, t *lua.LTable, f func(key string, v lua.LValue)) {
	var p Pace
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		p.Step(L)
		f(lua.LVAsString(k), v)
	}
}

// CheckOption raises in L, for argument n, when want says what an option is to be instead of v.
func CheckOption(L *lua.LState, n int, name string, v lua.LValue, want string) {
	if want != "" {
		ArgError(L, n, "option '"+name+"': "+want+" expected, got "+Show(v))
	}
}

// Show is a wrong value for people: numbers and strings as they are, else the type. Of a text that
// reads like another value it says so: a number is not "5".
func Show(v lua.LValue) string {
	if text, ok := v.(lua.LString); ok && readsAsOther(string(text)) {
		return "the text " + strconv.Quote(string(text))
	}
	if text, ok := StringValue(v); ok {
		return text
	}
	return TypeName(v)
}

// readsAsOther reports whether a text looks like a value that is no text where it has no quotes.
func readsAsOther(text string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return err == nil || text == "true" || text == "false" || text == "nil"
}
