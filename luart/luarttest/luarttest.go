// Package luarttest has what tests of Lua libraries share: cases that are Lua chunks.
package luarttest

import (
	"errors"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// Case is a name, a Lua chunk, and what the chunk returns: its values by tostring with " | "
// between them, or "error: " and the error's text when it raises.
type Case [3]string

// Run runs each case in a Lua state of its own, with the base library of gopher-lua, where
// rover.<lib> is what open returns.
func Run(t *testing.T, lib string, open func(*lua.LState) *lua.LTable, cases []Case) {
	t.Helper()
	RunIn(t, func(t *testing.T) *lua.LState {
		L := lua.NewState()
		t.Cleanup(L.Close)
		rover := L.NewTable()
		rover.RawSetString(lib, open(L))
		L.SetGlobal("rover", rover)
		return L
	}, cases)
}

// RunIn runs each case in a Lua state that open makes.
func RunIn(t *testing.T, open func(*testing.T) *lua.LState, cases []Case) {
	t.Helper()
	for _, c := range cases {
		name, chunk, want := c[0], c[1], c[2]
		t.Run(name, func(t *testing.T) {
			L := open(t)
			if got := Eval(L, chunk); got != want {
				t.Errorf("%s\n got %q\nwant %q", chunk, got, want)
			}
			if L.GetTop() != 0 {
				t.Errorf("%d values left on the Lua stack", L.GetTop())
			}
		})
	}
}

// Eval runs a chunk and returns what a Case wants to see of it.
func Eval(L *lua.LState, chunk string) string {
	if err := L.DoString(chunk); err != nil {
		var failure *lua.ApiError
		if errors.As(err, &failure) {
			return "error: " + failure.Object.String()
		}
		return "error: " + err.Error()
	}
	var values []string
	for i := 1; i <= L.GetTop(); i++ {
		values = append(values, L.ToStringMeta(L.Get(i)).String())
	}
	L.SetTop(0)
	return strings.Join(values, " | ")
}
