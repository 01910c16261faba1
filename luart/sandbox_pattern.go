package luart

import (
	"math"
	"strings"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/pm"
)

const (
	// maxPatternBytes is the longest pattern: gopher-lua's parser calls itself at each '('.
	maxPatternBytes = 16 << 10

	// maxCaptures is as in C Lua.
	maxCaptures = 32

	// matchBatch is how many matches gmatch and gsub look for at a time: all at once take 100 bytes each, 1.6 GB
	// for the longest string; one at a time compiles the pattern each time.
	matchBatch = 64
)

// strFind is string.find(s, pattern[, init[, plain]]): where the first match from byte init on begins and ends, and
// its captures; nil without one. plain: pattern is no pattern. Errors: a malformed pattern. Only the holder may call
// it.
func strFind(L *lua.LState) int {
	s, pattern := L.CheckString(1), L.CheckString(2)
	init := startAt(L, len(s))
	if L.ToBool(4) || !strings.ContainsAny(pattern, "^$*+?.([%-") {
		at := strings.Index(s[init:], pattern)
		if at < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(init + at + 1))
		L.Push(lua.LNumber(init + at + len(pattern)))
		return 2
	}
	defer raisePanic(L)
	found := findMatches(L, s, pattern, init, 1)
	if len(found) == 0 {
		L.Push(lua.LNil)
		return 1
	}
	L.Push(lua.LNumber(found[0].Capture(0) + 1))
	L.Push(lua.LNumber(found[0].Capture(1)))
	return 2 + pushCaptures(L, s, found[0], false)
}

// strMatch is string.match(s, pattern[, init]): the captures of the first match from byte init on, the match itself
// without any in the pattern; nil without a match. Errors: a malformed pattern. Only the holder may call it.
func strMatch(L *lua.LState) int {
	s, pattern := L.CheckString(1), L.CheckString(2)
	defer raisePanic(L)
	found := findMatches(L, s, pattern, startAt(L, len(s)), 1)
	if len(found) == 0 {
		L.Push(lua.LNil)
		return 1
	}
	return pushCaptures(L, s, found[0], true)
}

// strGmatch is string.gmatch(s, pattern): an iterator that returns what match would for one match after the other.
// Errors: a malformed pattern. Only the holder may call it.
func strGmatch(L *lua.LState) int {
	m := &matches{s: L.CheckString(1), pattern: L.CheckString(2)}
	m.fill(L)
	L.Push(L.NewFunction(func(L *lua.LState) int {
		defer raisePanic(L)
		found := m.next(L)
		if found == nil {
			L.Push(lua.LNil)
			return 1
		}
		return pushCaptures(L, m.s, found, true)
	}))
	return 1
}

// strGsub is string.gsub(s, pattern, repl[, n]): s with the first n matches (all when left out) replaced, and their
// number. repl is a string (%1 to %9 are captures, %0 the match, %% a percent sign), a table that the first capture
// is looked up in, or a function that is called with the captures; false or nil from those keeps the match. Errors: a
// malformed pattern, a replacement that is no string, more than 16 MiB. Only the holder may call it.
func strGsub(L *lua.LState) int {
	m := &matches{s: L.CheckString(1), pattern: L.CheckString(2)}
	repl := L.Get(3)
	if !lua.LVCanConvToString(repl) {
		L.CheckTypes(3, lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction)
	}
	limit := optInt(L, 4, math.MaxInt)
	defer raisePanic(L)
	var out strings.Builder
	end, count := 0, 0
	for ; count < limit; count++ {
		found := m.next(L)
		if found == nil {
			break
		}
		out.WriteString(m.s[end:found.Capture(0)])
		end = found.Capture(1)
		replace(L, &out, m.s, found, repl)
		checkSize(L, out.Len())
	}
	checkSize(L, out.Len()+len(m.s)-end)
	out.WriteString(m.s[end:])
	L.Push(lua.LString(out.String()))
	L.Push(lua.LNumber(count))
	return 2
}

// replace writes what takes the place of one match. Only the holder may call it.
func replace(L *lua.LState, out *strings.Builder, s string, found *pm.MatchData, repl lua.LValue) {
	top := L.GetTop()
	var v lua.LValue
	switch r := repl.(type) {
	case *lua.LTable:
		pushCaptures(L, s, found, true)
		v = L.GetTable(r, L.Get(top+1))
	case *lua.LFunction:
		L.Push(r)
		L.Call(pushCaptures(L, s, found, true), 1)
		v = L.Get(-1)
	default:
		expand(L, out, s, found, repl.String())
		return
	}
	L.SetTop(top)
	switch {
	case lua.LVIsFalse(v):
		out.WriteString(s[found.Capture(0):found.Capture(1)])
	case lua.LVCanConvToString(v):
		out.WriteString(v.String())
	default:
		L.RaiseError("invalid replacement value (a %s)", v.Type().String())
	}
}

// expand writes a replacement string with its captures. Only the holder may call it.
func expand(L *lua.LState, out *strings.Builder, s string, found *pm.MatchData, repl string) {
	for i := 0; i < len(repl); i++ {
		c := repl[i]
		if c != '%' {
			out.WriteByte(c)
			continue
		}
		i++
		switch {
		case i == len(repl):
			L.RaiseError("invalid use of '%c' in replacement string: it ends with '%c'", c, c)
		case repl[i] < '0' || repl[i] > '9':
			out.WriteByte(repl[i])
		case repl[i] == '0' || repl[i] == '1' && found.CaptureLength() == 2:
			out.WriteString(s[found.Capture(0):found.Capture(1)])
		case int(repl[i]-'0')*2+1 >= found.CaptureLength():
			L.RaiseError("invalid capture index %%%c in replacement string", repl[i])
		default:
			out.WriteString(capture(s, found, int(repl[i]-'0')).String())
		}
		checkSize(L, out.Len())
	}
}

// matches looks for one match after the other.
type matches struct {
	s, pattern string
	from       int             // where the next batch begins
	batch      []*pm.MatchData // what is left of the last one
	done       bool            // nothing lies behind the last batch
}

// next returns the next match, nil after the last one. Only the holder may call it.
func (m *matches) next(L *lua.LState) *pm.MatchData {
	if len(m.batch) == 0 {
		m.fill(L)
	}
	if len(m.batch) == 0 {
		return nil
	}
	found := m.batch[0]
	m.batch = m.batch[1:]
	return found
}

// fill looks for the next batch. Only the holder may call it.
func (m *matches) fill(L *lua.LState) {
	if m.done {
		return
	}
	defer raisePanic(L)
	m.batch = findMatches(L, m.s, m.pattern, m.from, matchBatch)
	if m.done = len(m.batch) < matchBatch || strings.HasPrefix(m.pattern, "^"); m.done {
		return
	}
	last := m.batch[len(m.batch)-1]
	m.from = max(last.Capture(0)+1, last.Capture(1))
	m.done = m.from > len(m.s)
}

// findMatches returns at most limit matches of s from init on. It raises an error for a malformed pattern, and panics where
// gopher-lua's matcher does. Only the holder may call it.
func findMatches(L *lua.LState, s, pattern string, init, limit int) []*pm.MatchData {
	if len(pattern) > maxPatternBytes {
		L.RaiseError("pattern too long: %d bytes, the limit is %d", len(pattern), maxPatternBytes)
	}
	found, err := pm.Find(pattern, unsafe.Slice(unsafe.StringData(s), len(s)), init, limit) // it only reads
	if err != nil {
		L.RaiseError("malformed pattern: %s", err.Error())
	}
	if len(found) > 0 && found[0].CaptureLength() > 2*(maxCaptures+1) {
		L.RaiseError("too many captures: the limit is %d", maxCaptures)
	}
	return found
}

// startAt returns the index that argument 3 of find and match means in a string of n bytes. Only the holder may call
// it.
func startAt(L *lua.LState, n int) int {
	init := optInt(L, 3, 1)
	if init < 0 {
		init += n + 1
	}
	return min(max(init, 1)-1, n)
}

// pushCaptures pushes the captures of a match, or the match itself if whole is true and there are none. Only the
// holder may call it.
func pushCaptures(L *lua.LState, s string, found *pm.MatchData, whole bool) int {
	n := found.CaptureLength()/2 - 1
	if n == 0 && whole {
		L.Push(lua.LString(s[found.Capture(0):found.Capture(1)]))
		return 1
	}
	for i := 1; i <= n; i++ {
		L.Push(capture(s, found, i))
	}
	return n
}

// capture returns capture i of a match, from 1. Any goroutine may call it.
func capture(s string, found *pm.MatchData, i int) lua.LValue {
	if found.IsPosCapture(2 * i) {
		return lua.LNumber(found.Capture(2 * i))
	}
	return lua.LString(s[found.Capture(2*i):found.Capture(2*i+1)])
}
