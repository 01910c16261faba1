package stdlib

import (
	"errors"
	"math"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/luaval"
)

// FuzzStringLib calls every function of string, and those of table, math, os and the base library
// that take plain values, with arbitrary arguments. None may panic in Go, or make a string beyond
// the bound.
func FuzzStringLib(f *testing.F) {
	L := sandboxThread(f, Hooks{})
	var fns []*lua.LFunction
	var names []string
	for _, lib := range AllowList {
		for _, fn := range lib.Functions {
			if v, ok := libraryOf(L.Env, lib.Name).RawGetString(fn.Name).(*lua.LFunction); ok && lib.Name != "coroutine" {
				fns, names = append(fns, v), append(names, lib.Name+"."+fn.Name)
			}
		}
	}
	// Bounded lengths: a pattern may backtrack for as long as the string allows.
	cut := func(s string, n int) string { return s[:min(n, len(s))] }
	for i := range fns {
		f.Add(i, "hello world", "(h)(.-)%1", "%1", 1.0, -1.0, 0)
		f.Add(i, "", "", "", math.NaN(), math.Inf(1), 1)
		f.Add(i, "\x00\xff", "%b()[^%w]$", "%", math.Inf(-1), 1e300, 2)
		f.Add(i, "%5.3s%q%c", "()()", "%0%9", -3.5, 1e9, 3)
		f.Add(i, "aaaa", "^a-$", "%%", 5.0, 2.0, 4)
	}
	f.Fuzz(func(t *testing.T, which int, s, pattern, repl string, x, y float64, order int) {
		i := ((which % len(fns)) + len(fns)) % len(fns)
		text := []lua.LValue{lua.LString(cut(s, 32)), lua.LString(cut(pattern, 12)), lua.LString(cut(repl, 12))}
		numbers := []lua.LValue{lua.LNumber(x), lua.LNumber(y)}
		list := L.NewTable()
		for _, v := range append(text, numbers...) {
			list.Append(v)
		}
		args := map[int][]lua.LValue{
			0: append(text, numbers...),
			1: {text[0], text[1], numbers[0], lua.LTrue},
			2: {text[0], numbers[0], numbers[1]},
			3: {list, text[1], numbers[0], numbers[1]},
			4: {numbers[0], numbers[1], text[2]},
			5: {text[0], text[1], list, numbers[0]},
			6: {list, numbers[0], text[0]},
			7: {text[0], text[1], fns[i]},
			8: {},
		}[((order%9)+9)%9]
		L.Push(fns[i])
		for _, a := range args {
			L.Push(a)
		}
		err := L.PCall(len(args), lua.MultRet, nil)
		var api *lua.ApiError
		if errors.As(err, &api) && api.Type == lua.ApiErrorPanic {
			t.Fatalf("%s%q: %v", names[i], args, err)
		}
		for n := 1; n <= L.GetTop(); n++ {
			v := L.Get(n)
			if v == nil {
				t.Fatalf("%s%q: result %d is a Go nil", names[i], args, n)
			}
			if s, ok := v.(lua.LString); ok && len(s) > luaval.MaxStringBytes {
				t.Fatalf("%s%q: %d bytes", names[i], args, len(s))
			}
			// What gmatch returns calls the matcher again.
			if next, ok := v.(*lua.LFunction); ok && n == 1 && (names[i] == "string.gmatch" || names[i] == "string.gfind") {
				L.Push(next)
				if err := L.PCall(0, 1, nil); errors.As(err, &api) && api.Type == lua.ApiErrorPanic {
					t.Fatalf("%s%q: %v", names[i], args, err)
				}
			}
		}
		L.SetTop(0)
	})
}

func libraryOf(env *lua.LTable, name string) *lua.LTable {
	if name == "" {
		return env
	}
	return env.RawGetString(name).(*lua.LTable)
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"1e3", "0x10", " 12 ", "1_000", "inf", "0x1p4", "-.5e-10", "++1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, ok := luaval.ParseNumber(s)
		if ok && n != n {
			t.Errorf("%q spells NaN", s)
		}
		// What Lua source accepts as a number must be one for tonumber, too, and the same.
		proto, err := chunk.Compile([]byte("return "+s), "fuzz.lua")
		if err != nil || len(proto.Code) != 3 || len(proto.Constants) != 1 {
			return
		}
		// But for those beyond a float64: gopher-lua makes NaN of such a literal, tonumber an
		// infinity as C does.
		if literal, isNumber := proto.Constants[0].(lua.LNumber); isNumber && ok && float64(literal) != n && !math.IsInf(n, 0) {
			t.Errorf("%q: source says %v, tonumber %v", s, literal, n)
		}
	})
}
