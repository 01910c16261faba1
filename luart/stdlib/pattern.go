package stdlib

import (
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/pattern"
)

// The functions that match patterns ask the budget while they match, so that burst ends them like
// any Lua code: see matcher.

const (
	// maxPatterns compiled patterns are kept by each generation, then it starts anew: far more than
	// a script has that does not make patterns of data.
	maxPatterns = 256

	// maxKeptPattern is the longest pattern that is kept. Compiled it takes at most 12 KiB.
	maxKeptPattern = 128
)

// patterns are the functions of the string library that match, and what they keep of their
// generation's patterns.
type patterns struct {
	compiled map[string]*pattern.Pattern
}

// matching is a function that matches patterns.
func matching(fn func(p *patterns, L *lua.LState) int) source {
	return func(b *envBuilder, _, _ string) lua.LValue {
		p := b.patterns
		return b.L.NewFunction(func(L *lua.LState) int { return fn(p, L) })
	}
}

// compile returns the compiled pattern. It raises an error for a malformed one.
func (p *patterns) compile(L *lua.LState, source string) *pattern.Pattern {
	if known := p.compiled[source]; known != nil {
		return known
	}
	compiled, err := pattern.Compile(source)
	if err != nil {
		L.RaiseError("%s", err)
	}
	if len(source) <= maxKeptPattern {
		if len(p.compiled) >= maxPatterns {
			clear(p.compiled)
		}
		p.compiled[strings.Clone(source)] = compiled // source may be a piece of a long string
	}
	return compiled
}

// find is string.find(s, pattern[, init[, plain]]): where the first match from byte init on begins
// and ends, and its captures; nil without one. plain: pattern is no pattern. Errors: a malformed
// pattern.
func (p *patterns) find(L *lua.LState) int {
	s, source := luaval.CheckString(L, 1), luaval.CheckString(L, 2)
	init := luaval.StartAt(L, len(s))
	if L.ToBool(4) || !strings.ContainsAny(source, "^$*+?.([%-") {
		at := strings.Index(s[init:], source)
		if at < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(init + at + 1))
		L.Push(lua.LNumber(init + at + len(source)))
		return 2
	}
	m := matcher{p: p.compile(L, source), s: s}
	if !m.next(L, init) {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(m.Start + 1))
	L.Push(lua.LNumber(m.End))
	return 2 + m.pushCaptures(L, false)
}

// match is string.match(s, pattern[, init]): the captures of the first match from byte init on, the
// match itself without any in the pattern; nil without a match. Errors: a malformed pattern.
func (p *patterns) match(L *lua.LState) int {
	s, source := luaval.CheckString(L, 1), luaval.CheckString(L, 2)
	m := matcher{p: p.compile(L, source), s: s}
	if !m.next(L, luaval.StartAt(L, len(s))) {
		L.Push(lua.LNil)
		return 1
	}
	return m.pushCaptures(L, true)
}

// gmatch is string.gmatch(s, pattern): an iterator that returns what match would for one match
// after the other. A '^' at the start of the pattern stands for itself: with an anchor there would
// be nothing to iterate. Errors: a malformed pattern.
func (p *patterns) gmatch(L *lua.LState) int {
	s, source := luaval.CheckString(L, 1), luaval.CheckString(L, 2)
	if strings.HasPrefix(source, "^") {
		source = "%" + source
	}
	m := &matcher{p: p.compile(L, source), s: s}
	at := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		if at > len(m.s) || !m.next(L, at) {
			at = len(m.s) + 1
			L.Push(lua.LNil)
			return 1
		}
		at = max(m.End, m.Start+1)
		return m.pushCaptures(L, true)
	}))
	return 1
}

// gsub is string.gsub(s, pattern, repl[, n]): s with the first n matches (all when left out)
// replaced, and their number. repl is a string (%1 to %9 are captures, %0 the match, %% a percent
// sign), a table that the first capture is looked up in, or a function that is called with the
// captures; false or nil from those keeps the match. Errors: a malformed pattern, a replacement
// that is no string, more than 16 MiB.
func (p *patterns) gsub(L *lua.LState) int {
	s, source := luaval.CheckString(L, 1), luaval.CheckString(L, 2)
	repl := L.Get(3)
	if !lua.LVCanConvToString(repl) {
		luaval.CheckTypes(L, 3, lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction)
	}
	limit := luaval.OptInt(L, 4, math.MaxInt)
	m := matcher{L: L, p: p.compile(L, source), s: s}
	var out strings.Builder
	end, count := 0, 0
	for at := 0; count < limit && at <= len(s) && m.next(L, at); count++ {
		out.WriteString(s[end:m.Start])
		end, at = m.End, max(m.End, m.Start+1)
		m.replace(&out, repl)
		luaval.CheckSize(L, out.Len())
		if m.p.Anchored {
			count++
			break
		}
	}
	if count == 0 {
		luaval.CheckSize(L, len(s))
		L.Push(lua.LString(s))
		L.Push(lua.LNumber(0))
		return 2
	}
	luaval.CheckSize(L, out.Len()+len(s)-end)
	out.WriteString(s[end:])
	L.Push(lua.LString(out.String()))
	L.Push(lua.LNumber(count))
	return 2
}

// matcher looks for one match after the other, within the budget of the VM.
type matcher struct {
	pattern.Match
	p *pattern.Pattern
	s string

	L    *lua.LState // gsub's
	work int         // bytes of replacements since the budget was asked
}

// next looks for the first match at from or behind it. It raises errBurst when the slice of VM time
// is over.
func (m *matcher) next(L *lua.LState, from int) bool {
	b, _ := L.Context().(luaval.Budget)
	if b == nil { // no VM: a test
		found, _ := m.p.Find(m.s, from, &m.Match, nil)
		return found
	}
	found, err := m.p.Find(m.s, from, &m.Match, b.Over)
	if err != nil {
		L.RaiseError("%s", b.Err())
	}
	return found
}

// spend counts bytes that were looked at outside of the pattern, and asks the budget now and then.
func (m *matcher) spend(bytes int) {
	if m.work += bytes; m.work < 32<<10 {
		return
	}
	m.work = 0
	luaval.CheckBurst(m.L)
}

// replace writes what takes the place of the match. What it calls may use m's pattern, but not m.
func (m *matcher) replace(out *strings.Builder, repl lua.LValue) {
	L, top := m.L, m.L.GetTop()
	var v lua.LValue
	switch r := repl.(type) {
	case *lua.LTable:
		m.pushCaptures(L, true)
		v = L.GetTable(r, L.Get(top+1))
	case *lua.LFunction:
		L.Push(r)
		L.Call(m.pushCaptures(L, true), 1)
		v = L.Get(-1)
	default:
		text, _ := luaval.TextOf(repl)
		m.expand(out, text)
		return
	}
	L.SetTop(top)
	text, ok := luaval.TextOf(v)
	switch {
	case lua.LVIsFalse(v):
		out.WriteString(m.s[m.Start:m.End])
	case ok:
		out.WriteString(text)
	default:
		L.RaiseError("invalid replacement value (a %s)", v.Type().String())
	}
}

// expand writes a replacement string with its captures.
func (m *matcher) expand(out *strings.Builder, repl string) {
	m.spend(len(repl))
	for {
		plain := strings.IndexByte(repl, '%')
		if plain < 0 {
			out.WriteString(repl)
			return
		}
		out.WriteString(repl[:plain])
		if repl = repl[plain+1:]; repl == "" {
			m.L.RaiseError("invalid use of '%c' in replacement string: it ends with '%c'", '%', '%')
		}
		switch c := repl[0]; {
		case c < '0' || c > '9':
			out.WriteByte(c)
		case c == '0' || c == '1' && m.N == 0:
			out.WriteString(m.s[m.Start:m.End])
		case int(c-'0') > m.N:
			m.L.RaiseError("invalid capture index %%%c in replacement string", c)
		default:
			out.WriteString(m.capture(int(c - '1')).String())
		}
		luaval.CheckSize(m.L, out.Len())
		repl = repl[1:]
	}
}

// pushCaptures pushes the captures of the match, or the match itself if whole is true and there are
// none. It returns how many.
func (m *matcher) pushCaptures(L *lua.LState, whole bool) int {
	if m.N == 0 && whole {
		L.Push(lua.LString(m.s[m.Start:m.End]))
		return 1
	}
	for i := range m.N {
		L.Push(m.capture(i))
	}
	return m.N
}

// capture returns capture i of the match, from 0.
func (m *matcher) capture(i int) lua.LValue {
	start, end, isPosition := m.Capture(i)
	if isPosition {
		return lua.LNumber(start + 1)
	}
	return lua.LString(m.s[start:end])
}
