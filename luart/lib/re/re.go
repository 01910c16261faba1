package re

import (
	_ "embed"
	"errors"
	"math"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// library is rover.re of one generation: Go's regular expressions (RE2), which take time in proportion to the subject,
// whatever the expression is. Only the holder may call its methods.
type library struct {
	compiled map[string]*Expr
	meta     *lua.LTable // of compiled expressions
}

// Stubs are definitions of rover.re for editors. They must not be changed.
//
//go:embed re.lua
var Stubs string

// Open returns the rover.re table.
//
// An expression is a string in the syntax of RE2 (https://pkg.go.dev/regexp/syntax), or what compile returned. Strings
// are matched as UTF-8; a byte that is none counts as one character U+FFFD, and stays as it is in results. Positions
// are bytes, from 1. A group without a part in the match is nil. An expression has at most 4 KiB, 100
// groups, and 20,000 steps with its repetitions written out; else, and when it is malformed, it is a bad argument. No
// subject is too long: burst ends any of these.
//
//	rover.re.match(s, re[, init]) -> groups … | nil
//		The groups of the first match from byte init on (1; negative: from the end), the match itself when re has
//		no groups. ^ and \b look at all of s, not only at what follows init.
//	rover.re.find(s, re[, init]) -> first, last, groups … | nil
//		Where the match begins and ends, as string.find says it.
//	rover.re.named(s, re[, init]) -> table | nil
//		The named groups, (?P<name>…), of the first match.
//	rover.re.gmatch(s, re) -> iterator
//		What match would return for each match; a group without a part is false here, as nil would end the loop.
//	rover.re.gsub(s, re, repl[, n]) -> string, count
//		The first n matches (all) replaced. In a string $1, ${1} and ${name} are groups, $0 the match and $$ a
//		dollar sign; $1x is the group "1x", so write ${1}x; a group that re lacks is a bad argument. A table is asked
//		for the first group, a function is called with the groups (the match without any); false and nil keep the
//		match. Errors: a replacement of another type, a result of more than 16 MiB.
//	rover.re.split(s, re[, n]) -> array
//		What lies between the matches, in at most n pieces (all), the last of which is the rest. Errors: more than
//		1,048,574 pieces.
//	rover.re.quote(s) -> string
//		An expression that matches s.
//	rover.re.compile(re) -> expression
//		With the functions above as methods without their re: expression:match(s[, init]). Expressions that stay
//		the same need no compile: 128 of them are kept. tostring shows the source.
func Open(L *lua.LState) *lua.LTable {
	lib := &library{compiled: map[string]*Expr{}}
	functions := map[string]lua.LGFunction{
		"match":  lib.match,
		"find":   lib.find,
		"named":  lib.named,
		"gmatch": lib.gmatch,
		"gsub":   lib.gsub,
		"split":  lib.split,
	}
	methods := make(map[string]lua.LGFunction, len(functions))
	for name, fn := range functions {
		methods[name] = func(L *lua.LState) int { // (expression, s, …) to (s, expression, …)
			self, s := L.Get(1), L.Get(2)
			L.SetTop(max(L.GetTop(), 2))
			L.Replace(1, s)
			L.Replace(2, self)
			return fn(L)
		}
	}
	lib.meta = luaval.NewType(L, "regular expression", methods, nil)
	lib.meta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(lib.check(L, 1).re.String()))
		return 1
	}))
	table := L.SetFuncs(L.NewTable(), functions)
	return L.SetFuncs(table, map[string]lua.LGFunction{"compile": lib.compile, "quote": reQuote})
}

// check returns the expression that argument n is, or raises an error.
func (lib *library) check(L *lua.LState, n int) *Expr {
	if ud, ok := L.Get(n).(*lua.LUserData); ok {
		if x, ok := ud.Value.(*Expr); ok {
			return x
		}
	}
	source := luaval.CheckString(L, n)
	if x := lib.compiled[source]; x != nil {
		return x
	}
	x, err := New(source)
	if err != nil {
		luaval.ArgError(L, n, "invalid regular expression: "+exprMessage(err))
	}
	if len(source) <= maxKeptExpr {
		if len(lib.compiled) >= maxExprs {
			clear(lib.compiled)
		}
		lib.compiled[strings.Clone(source)] = x // source may be a piece of a long string
	}
	return x
}

// exprMessage is an error of New without Go's preamble.
func exprMessage(err error) string {
	var malformed *syntax.Error
	if errors.As(err, &malformed) {
		return malformed.Code.String() + ": " + luaval.Shown(malformed.Expr)
	}
	return err.Error()
}

func (lib *library) compile(L *lua.LState) int {
	L.Push(luaval.NewObject(lib.meta, lib.check(L, 1)))
	return 1
}

func reQuote(L *lua.LState) int {
	L.Push(lua.LString(regexp.QuoteMeta(luaval.CheckString(L, 1))))
	return 1
}

// first returns the first match that arguments 1 to 3 mean.
func (lib *library) first(L *lua.LState) (x *Expr, s string, found []int) {
	s, x = luaval.CheckString(L, 1), lib.check(L, 2)
	return x, s, x.find(L, s, luaval.StartAt(L, len(s)))
}

func (lib *library) match(L *lua.LState) int {
	_, s, found := lib.first(L)
	if found == nil {
		L.Push(lua.LNil)
		return 1
	}
	return pushGroups(L, s, found, true, lua.LNil)
}

func (lib *library) find(L *lua.LState) int {
	_, s, found := lib.first(L)
	if found == nil {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(found[0] + 1))
	L.Push(lua.LNumber(found[1]))
	return 2 + pushGroups(L, s, found, false, lua.LNil)
}

func (lib *library) named(L *lua.LState) int {
	x, s, found := lib.first(L)
	if found == nil {
		L.Push(lua.LNil)
		return 1
	}
	groups := L.NewTable()
	for i, name := range x.names {
		if name != "" && found[2*i] >= 0 {
			groups.RawSetString(name, lua.LString(s[found[2*i]:found[2*i+1]]))
		}
	}
	L.Push(groups)
	return 1
}

func (lib *library) gmatch(L *lua.LState) int {
	m := &exprMatches{s: luaval.CheckString(L, 1), x: lib.check(L, 2), last: -1}
	L.Push(L.NewFunction(func(L *lua.LState) int {
		found := m.next(L)
		if found == nil {
			L.Push(lua.LNil)
			return 1
		}
		return pushGroups(L, m.s, found, true, lua.LFalse)
	}))
	return 1
}

func (lib *library) gsub(L *lua.LState) int {
	m := exprMatches{s: luaval.CheckString(L, 1), x: lib.check(L, 2), last: -1}
	repl := L.Get(3)
	if !lua.LVCanConvToString(repl) {
		luaval.CheckTypes(L, 3, lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction)
	}
	var parts []replPart
	if lua.LVCanConvToString(repl) {
		parts = m.x.checkRepl(L, repl.String())
	}
	limit := luaval.OptInt(L, 4, math.MaxInt)
	var out strings.Builder
	end, count := 0, 0
	for ; count < limit; count++ {
		found := m.next(L)
		if found == nil {
			break
		}
		out.WriteString(m.s[end:found[0]])
		end = found[1]
		if parts == nil {
			out.WriteString(replaced(L, m.s, found, repl))
		}
		for i, part := range parts {
			if i%1024 == 1023 {
				luaval.CheckBurst(L)
			}
			out.WriteString(part.text)
			if g := 2 * part.group; g >= 0 && found[g] >= 0 {
				out.WriteString(m.s[found[g]:found[g+1]])
			}
			luaval.CheckSize(L, out.Len())
		}
		luaval.CheckSize(L, out.Len())
	}
	luaval.CheckSize(L, out.Len()+len(m.s)-end)
	out.WriteString(m.s[end:])
	L.Push(lua.LString(out.String()))
	L.Push(lua.LNumber(count))
	return 2
}

// replaced returns what a table or a function puts in the place of a match.
func replaced(L *lua.LState, s string, found []int, repl lua.LValue) string {
	top := L.GetTop()
	var v lua.LValue
	if table, ok := repl.(*lua.LTable); ok {
		pushGroups(L, s, found, true, lua.LNil)
		v = L.GetTable(table, L.Get(top+1))
	} else {
		L.Push(repl)
		L.Call(pushGroups(L, s, found, true, lua.LNil), 1)
		v = L.Get(-1)
	}
	L.SetTop(top)
	if !lua.LVIsFalse(v) && !lua.LVCanConvToString(v) {
		L.RaiseError("invalid replacement value (a %s)", v.Type().String())
	}
	if lua.LVIsFalse(v) {
		return s[found[0]:found[1]]
	}
	return luaval.ExactText(v)
}

func (lib *library) split(L *lua.LState) int {
	m := exprMatches{s: luaval.CheckString(L, 1), x: lib.check(L, 2), last: -1}
	limit := luaval.OptInt(L, 3, math.MaxInt)
	pieces := L.NewTable()
	n, begin := 0, 0
	add := func(piece string) {
		if n++; n >= lua.MaxArrayIndex-1 {
			L.RaiseError("too many pieces: the limit is %d", lua.MaxArrayIndex-2)
		}
		pieces.Append(lua.LString(piece))
	}
	for n < limit-1 && m.s != "" {
		found := m.next(L)
		if found == nil || found[0] == len(m.s) && found[0] == found[1] { // empty at the end: nothing to split off
			break
		}
		if found[1] != 0 { // nor before an empty one at the beginning
			add(m.s[begin:found[0]])
		}
		begin = found[1]
	}
	if limit > 0 {
		add(m.s[begin:])
	}
	L.Push(pieces)
	return 1
}

// pushGroups pushes the groups of a match, or the match itself if whole is true and there are none; missing stands for
// a group without a part in it. It returns how many.
func pushGroups(L *lua.LState, s string, found []int, whole bool, missing lua.LValue) int {
	if len(found) == 2 && whole {
		L.Push(lua.LString(s[found[0]:found[1]]))
		return 1
	}
	for i := 2; i < len(found); i += 2 {
		if found[i] < 0 {
			L.Push(missing)
		} else {
			L.Push(lua.LString(s[found[i]:found[i+1]]))
		}
	}
	return len(found)/2 - 1
}

// replPart is a piece of a replacement string: a text, then a group, -1 for none.
type replPart struct {
	text  string
	group int
}

// maxReplGroups is how many groups a replacement string may name.
const maxReplGroups = 10_000

// checkRepl reads gsub's replacement string, argument 3, as Go's Expand reads it, but for groups that the expression
// does not have.
func (x *Expr) checkRepl(L *lua.LState, repl string) []replPart {
	parts := []replPart{}
	var text strings.Builder
	var p luaval.Pace
	for {
		p.Step(L)
		before, after, found := strings.Cut(repl, "$")
		text.WriteString(before)
		if !found {
			return append(parts, replPart{text.String(), -1})
		}
		name, rest := groupName(after)
		if name == "" { // "$$", or a '$' that begins no group
			text.WriteByte('$')
			repl = strings.TrimPrefix(after, "$")
			continue
		}
		group := x.group(name)
		if group < 0 {
			luaval.ArgError(L, 3, "the expression has no group "+luaval.Shown(name)+"; ${1}x is group 1 and an x")
		}
		if len(parts) == maxReplGroups {
			luaval.ArgError(L, 3, "more than 10000 groups")
		}
		parts = append(parts, replPart{text.String(), group})
		text.Reset()
		repl = rest
	}
}

// groupName cuts "name" or "{name}" off the beginning of what follows a '$'; name is "" when there is none. Any
// goroutine may call it.
func groupName(s string) (name, rest string) {
	inner, braced := strings.CutPrefix(s, "{")
	n := 0
	for n < len(inner) {
		r, width := utf8.DecodeRuneInString(inner[n:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			break
		}
		n += width
	}
	name, rest = inner[:n], inner[n:]
	if braced {
		var closed bool
		if rest, closed = strings.CutPrefix(rest, "}"); !closed {
			return "", s
		}
	}
	return name, rest
}

// group returns the number of a group that a replacement names, -1 when there is none.
func (x *Expr) group(name string) int {
	for i, known := range x.names {
		if name == known {
			return i
		}
	}
	number := 0
	for _, c := range []byte(name) {
		if c < '0' || c > '9' || number >= len(x.names) || name[0] == '0' && len(name) > 1 {
			return -1
		}
		number = number*10 + int(c-'0')
	}
	if number >= len(x.names) {
		return -1
	}
	return number
}
