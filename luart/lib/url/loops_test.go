package url

import (
	"net/url"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luarttest"
)

func TestURLLoopsEndWithTheBurst(t *testing.T) {
	luarttest.EndWithBurst(t, map[string]func(L *lua.LState){
		"query_encode": func(L *lua.LState) { _, _ = EncodeForm(L, luarttest.Names(L, 5000)) },
		"query_decode": func(L *lua.LState) {
			_, _ = firstValues(L, strings.Repeat("a=1&", 5000))
		},
		"query_encode, what has been read": func(L *lua.LState) {
			encodeValues(L, url.Values{"a": make([]string, 2000)})
		},
	})
}
