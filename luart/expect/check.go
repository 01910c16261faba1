package expect

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/schema"
)

// Options say what a value is, and what becomes of it.
type Options struct {
	Extra schema.Extra

	// JSON says that the value was read from JSON: an empty table is an object unless it is marked.
	JSON bool

	Own bool // nobody else has the value: null may be taken out of what is not described

	Null  bool // null stays wherever there may be none
	Exact bool // numbers that a float64 cannot hold were kept: see jsonlua.Options

	// Rounds says that such numbers were kept, and are float64s in the result: a bound is compared with
	// what was sent, and not with what is left of it.
	Rounds bool

	// NoChecks leaves out the functions of the script.
	NoChecks bool
}

// Check returns v as a field says, and what is wrong with it: nil if nothing is. what names the
// value in messages ("request body").
//
// A missing value, or null, is a fault where one is required; else it is the default, or nothing.
// Then its type is looked at, the enum and other bounds, what is in it, at last the functions of the
// script, if nothing was wrong. The result has tables of its own where the schema describes
// what is in them, so that what a client sends besides does not get further: Extra says otherwise.
//
// It raises what a function of the script raises, and when the slice of VM time is over. A schema does
// not change, and no value is kept: any number of goroutines may use one, each with an L of its own.
func Check(L *lua.LState, what string, f *schema.Field, v lua.LValue, o Options) (lua.LValue, *schema.Faults) {
	c := checker{L: L, o: o, faults: schema.NewFaults(what)}
	if v == lua.LNil && f.Required { // null alone, which is of a wrong type
		v = luaval.JSONNull
	}
	return c.end(c.value(nil, f, v, 0))
}

// end is what Check returns.
func (c *checker) end(v lua.LValue) (lua.LValue, *schema.Faults) {
	if c.faults.Empty() {
		return v, nil
	}
	return lua.LNil, c.faults
}

// checker is one run of Check.
type checker struct {
	L      *lua.LState
	pace   luaval.Pace
	o      Options
	faults *schema.Faults
}

// value returns v, or what is to stand in its place.
func (c *checker) value(at *schema.Place, f *schema.Field, v lua.LValue, depth int) lua.LValue {
	s := f.Schema
	if isMissing(v) {
		if !f.Required || s.Nullable || at != nil {
			return c.missing(at, f, v)
		}
	}
	before := len(c.faults.List)
	c.pace.Step(c.L)
	if !c.isKind(s.Kind, v) {
		c.mismatch(at, s.Kind, v)
		return v
	}
	if len(s.Enum) > 0 && !c.inEnum(at, s, v) {
		return v
	}
	c.bounds(at, s, v)
	if s.Kind == schema.Array && !isArray(v) { // an empty table of Lua
		v = luaval.NewJSONArray(c.L)
	}
	inArray, inObject := s.Kind == schema.Array && s.Element != nil, s.Kind == schema.Object && !s.Open
	switch {
	case (inArray || inObject) && depth == schema.MaxDepth:
		c.faults.Add(at, "depth", "not be nested deeper than "+strconv.Itoa(schema.MaxDepth)+" levels")
		return v
	case inArray:
		v = c.items(at, s.Element, v.(*lua.LTable), depth)
	case inObject:
		v = c.members(at, s, v.(*lua.LTable), depth)
	default:
		v = c.plain(v)
	}
	if len(s.Checks) > 0 && !c.o.NoChecks && len(c.faults.List) == before && !c.faults.Full() {
		c.ask(at, s, v)
	}
	return v
}

// plain returns a value that no schema describes further as the script gets it.
func (c *checker) plain(v lua.LValue) lua.LValue {
	if c.o.Own && !c.o.Null {
		v = jsonlua.DropNulls(c.L, v)
	}
	if c.o.Rounds {
		v = c.rounded(v)
	}
	return v
}

// rounded makes float64s of the numbers in a value that were kept exactly. It changes the tables in it.
func (c *checker) rounded(v lua.LValue) lua.LValue {
	if text, exact := luaval.ExactNumber(v); exact {
		f, _ := strconv.ParseFloat(text, 64) // within its range: see jsonlua.Options
		return lua.LNumber(f)
	}
	t, ok := v.(*lua.LTable)
	if !ok {
		return v
	}
	for k, item := t.Next(lua.LNil); k != lua.LNil; k, item = t.Next(k) {
		c.pace.Step(c.L)
		if r := c.rounded(item); r != item {
			t.RawSet(k, r)
		}
	}
	return v
}

// missing is what stands where there is nothing, or null.
func (c *checker) missing(at *schema.Place, f *schema.Field, v lua.LValue) lua.LValue {
	switch s := f.Schema; {
	case s.Nullable && isNull(v):
		return v
	case f.Required:
		c.faults.AddMissing(at, f.Message)
	case s.Default != nil:
		return fromGo(c.L, s.Default)
	case c.o.Null:
		return v
	}
	return lua.LNil
}

// items checks an array.
func (c *checker) items(at *schema.Place, item *schema.Field, t *lua.LTable, depth int) lua.LValue {
	n := t.Len()
	result := c.L.CreateTable(n, 0)
	if n == 0 {
		result.Metatable = luaval.JSONArray
	}
	for i := 1; i <= n && !c.faults.Full(); i++ {
		result.RawSetInt(i, c.value(&schema.Place{Up: at, Index: i}, item, t.RawGetInt(i), depth+1))
	}
	return result
}

// members checks an object: in the order of names, so that one value always gets one answer.
func (c *checker) members(at *schema.Place, s *schema.Schema, t *lua.LTable, depth int) lua.LValue {
	result := c.L.CreateTable(0, len(s.Fields))
	if c.o.Extra != schema.Strip {
		c.extras(at, s, t, result)
	}
	for i := range s.Fields {
		if c.faults.Full() {
			break
		}
		f := &s.Fields[i]
		c.pace.Step(c.L)
		result.RawSetString(f.Name, c.value(&schema.Place{Up: at, Name: f.Name}, f, t.RawGetString(f.Name), depth+1))
	}
	return result
}

// extras puts the members of t that schema does not name into result, or makes faults of them.
func (c *checker) extras(at *schema.Place, s *schema.Schema, t, result *lua.LTable) {
	var extra []string
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		c.pace.Step(c.L)
		name, ok := k.(lua.LString)
		if ok && hasField(s, string(name)) {
			continue
		}
		switch {
		case c.o.Extra == schema.Keep:
			result.RawSet(k, c.plain(v))
		case ok:
			extra = append(extra, string(name))
		default:
			extra = append(extra, "["+luaval.ExactText(k)+"]")
		}
	}
	slices.Sort(extra)
	for _, name := range extra {
		c.pace.Step(c.L)
		c.faults.AddUnknown(&schema.Place{Up: at, Name: name})
	}
}

// hasField reports whether an object has a member of that name.
func hasField(s *schema.Schema, name string) bool {
	_, found := slices.BinarySearchFunc(s.Fields, name, func(f schema.Field, name string) int { return strings.Compare(f.Name, name) })
	return found
}

func (c *checker) mismatch(at *schema.Place, want schema.Kind, v lua.LValue) {
	must := "be " + want.Article() + ", got " + describe(want, v)
	if at == nil && (want == schema.Object || want == schema.Array) {
		must = "be a JSON " + want.String()
	}
	c.faults.Add(at, "type", must)
}

// inEnum reports whether a value is one of those that a schema lists.
func (c *checker) inEnum(at *schema.Place, s *schema.Schema, v lua.LValue) bool {
	names := make([]string, len(s.Enum))
	for i, is := range s.Enum {
		c.pace.Step(c.L)
		if equal(v, is) {
			return true
		}
		names[i] = luaval.ExactText(fromGo(c.L, is))
	}
	got, ok := scalarText(v)
	if !ok {
		got = describe(s.Kind, v)
	}
	c.faults.Add(at, "enum", "be one of: "+strings.Join(names, ", ")+". Got: '"+schema.Echo(got)+"'")
	return false
}

func scalarText(v lua.LValue) (string, bool) {
	switch v.(type) {
	case lua.LString, lua.LNumber, lua.LBool:
		return luaval.ExactText(v), true
	}
	return luaval.ExactNumber(v)
}

// bounds checks what a value of the right type is to be.
func (c *checker) bounds(at *schema.Place, s *schema.Schema, v lua.LValue) {
	if s.Min != nil || s.Max != nil || s.Len != nil {
		c.size(at, s, v)
	}
	text, isText := v.(lua.LString)
	if !isText {
		return
	}
	if s.Format != schema.NoFormat && !s.Format.Match(string(text)) {
		c.faults.Add(at, s.Format.String(), "be "+s.Format.Article())
	}
	if s.Pattern != nil && !s.Pattern.(Pattern).Matches(c.L, string(text)) {
		c.faults.Add(at, "match", "match "+strings.ReplaceAll(schema.Echo(s.Pattern.String()), `\\`, `\`)) // as it is written
	}
}

// size checks a number, or how long a string or an array is.
func (c *checker) size(at *schema.Place, s *schema.Schema, v lua.LValue) {
	unit := ""
	size, _ := luaval.ExactNumber(v)
	if size == "" {
		size = luaval.ExactText(v)
	}
	switch v := v.(type) {
	case lua.LString:
		unit, size = " character", strconv.Itoa(utf8.RuneCountInString(string(v)))
	case *lua.LTable:
		unit, size = " item", strconv.Itoa(v.Len())
	}
	have := func(kind, how string, bound float64) {
		must := "be " + how + " "
		if unit != "" {
			must = "have " + how + " "
		}
		text := luaval.ExactString(lua.LNumber(bound))
		must += text + unit
		if unit != "" && bound != 1 {
			must += "s"
		}
		c.faults.Add(at, kind, must+", got "+schema.Echo(size))
	}
	compare := func(bound float64) int {
		return luaval.CompareDecimals(size, strconv.FormatFloat(bound, 'g', -1, 64))
	}
	switch {
	case s.Len != nil && compare(*s.Len) != 0:
		have("len", "exactly", *s.Len)
	case s.Min != nil && compare(*s.Min) < 0:
		have("min", "at least", *s.Min)
	case s.Max != nil && compare(*s.Max) > 0:
		have("max", "at most", *s.Max)
	}
}

// ask has the functions of the script look at a value.
func (c *checker) ask(at *schema.Place, s *schema.Schema, v lua.LValue) {
	for _, check := range s.Checks {
		c.L.Push(check.(*lua.LFunction))
		c.L.Push(v)
		c.L.Call(1, 1)
		said := c.L.Get(-1)
		c.L.Pop(1)
		switch said := said.(type) {
		case *lua.LNilType:
			continue
		case lua.LString:
			c.faults.AddText(at, "check", string(said))
		default:
			c.L.RaiseError("check: a function of :check returns nil, or a message; it has returned a %s", luaval.TypeName(said))
		}
		return
	}
}

// Pattern is what a schema's Pattern is here.
type Pattern interface {
	schema.Pattern
	// Matches reports whether a text has a match. It raises when the slice of VM time is over.
	Matches(L *lua.LState, text string) bool
}
