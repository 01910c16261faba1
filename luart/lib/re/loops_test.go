package re

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luarttest"
)

func TestRELoopsEndWithTheBurst(t *testing.T) {
	luarttest.EndWithBurst(t, map[string]func(L *lua.LState){
		"replacement": func(L *lua.LState) { (&Expr{}).checkRepl(L, strings.Repeat("$$", 2000)) },
	})
}
