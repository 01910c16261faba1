package stdlib

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestDebugPrint(t *testing.T) {
	for chunk, want := range map[string]string{
		`debug.print(nil)`:                                                          `nil`,
		`debug.print("a\nb\0", "label")`:                                            `label = "a\nb\x00"`,
		`debug.print(1.5) `:                                                         `1.5`,
		`debug.print({})`:                                                           `{}`,
		`debug.print({ 1, "x", { y = true } })`:                                     "{\n  1,\n  \"x\",\n  {\n    y = true\n  }\n}",
		`debug.print({ [3] = 1 })`:                                                  "{\n  [3] = 1\n}",
		`debug.print({ ["a b"] = print })`:                                          "{\n  [\"a b\"] = <function>\n}",
		`local t = {} t.t = t debug.print(t)`:                                       "{\n  t = <circular>\n}",
		`local t = { 1 } debug.print({ t, t })`:                                     "{\n  {\n    1\n  },\n  {\n    1\n  }\n}",
		`debug.print({{{{{{}}}}}})`:                                                 "{\n  {\n    {\n      {\n        {\n          {…}\n        }\n      }\n    }\n  }\n}",
		`debug.print({ Authorization = "Bearer x" })`:                               "{\n  Authorization = ***\n}",
		`debug.print({ ["Set-Cookie"] = { "a" } })`:                                 "{\n  [\"Set-Cookie\"] = ***\n}",
		`debug.print({ db_password = "x" })`:                                        "{\n  db_password = ***\n}",
		`debug.print({ apiKey = "x" })`:                                             "{\n  apiKey = ***\n}",
		`debug.print({ has_token = true })`:                                         "{\n  has_token = true\n}",
		`debug.print(setmetatable({ 1 }, { __index = error, __tostring = error }))`: "{\n  1\n}",
	} {
		var got string
		L := sandboxThread(t, Hooks{Debug: func(_ *lua.LState, text func() string) { got = text() }})
		if err := runSandboxed(t, L, chunk, "print.lua"); err != nil {
			t.Errorf("%s: %v", chunk, err)
		}
		if got != want {
			t.Errorf("%s\n got %q\nwant %q", chunk, got, want)
		}
	}
	var got string
	L := sandboxThread(t, Hooks{Debug: func(_ *lua.LState, text func() string) { got = text() }})
	if err := runSandboxed(t, L, `local t = {} for i = 1, 1e4 do t[i] = ("x"):rep(1e4) end assert(debug.print(t, ("l"):rep(1e5)) == t)`, "print.lua"); err != nil {
		t.Error(err)
	}
	if len(got) > printBytes+3*printString || !strings.HasSuffix(got, "…\n}") {
		t.Errorf("got %d bytes, %.50s", len(got), got[max(0, len(got)-50):])
	}
	quiet := sandboxThread(t, Hooks{})
	if err := runSandboxed(t, quiet, `assert(debug.print(7) == 7 and not pcall(debug.print, 1, {}))`, "print.lua"); err != nil {
		t.Error(err)
	}
}
