package luaval

import (
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// A text that reads like a number or a boolean is shown as the text that it is.
func TestShow(t *testing.T) {
	for want, v := range map[string]lua.LValue{
		"5": lua.LNumber(5), `the text "5"`: lua.LString("5"), `the text "1e3 "`: lua.LString("1e3 "), `the text "true"`: lua.LString("true"),
		"boolean": lua.LTrue, "soon": lua.LString("soon"), "": lua.LString(""), "nil": lua.LNil, `the text "nil"`: lua.LString("nil"),
	} {
		if got := Show(v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What an unknown option says: where it is, what is meant, or which there are.
func TestUnknownOption(t *testing.T) {
	o := NewOptions("timeout", "headers").Elsewhere(map[string]string{"ca": "it is one of create"})
	for name, want := range map[string]string{
		"timeout": "",
		"timout":  `unknown option "timout": did you mean timeout?`,
		"ca":      `unknown option "ca": it is one of create`,
		"bogus":   `unknown option "bogus": there are timeout, headers`,
	} {
		if got := o.Unknown(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got, want := NewOptions("handle").Unknown("bogus"), `unknown option "bogus": there is handle`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A value is judged by what reads it in a call.
func TestJudge(t *testing.T) {
	o := NewOptions("n").Judged(func(L *lua.LState, f, name string, v lua.LValue) {
		if n, ok := v.(lua.LNumber); !ok {
			L.RaiseError("%s: option %s: a number expected", f, name)
		} else if n < 0 {
			RaiseStatus(L, 400, f+": below 0")
		}
	})
	for v, want := range map[lua.LValue]string{
		lua.LNumber(1): "", lua.LNumber(-1): "api.f: below 0", lua.LString("x"): "api.f: option n: a number expected",
	} {
		if got := o.Judge("api.f", "n", v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
		if got := NewOptions("n").Judge("api.f", "n", v); got != "" {
			t.Errorf("%v: nobody can say, got %q", v, got)
		}
	}
}
