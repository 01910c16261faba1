package expect

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luarttest"
	"github.com/caddy-rover/rover/luart/schema"
)

func TestManyFaults(t *testing.T) {
	for n, want := range map[int]struct {
		listed  int
		message string
	}{
		1:                    {1, "Field '[1]' must be a string, got boolean"},
		123:                  {123, "Field '[1]' must be a string, got boolean, and 122 more"},
		schema.MaxFaults:     {1000, "Field '[1]' must be a string, got boolean, and 999 more"},
		schema.MaxFaults + 1: {1001, "Field '[1]' must be a string, got boolean, and more"},
		100_000:              {1001, "Field '[1]' must be a string, got boolean, and more"},
	} {
		L := newState(t)
		list := L.CreateTable(0, 0)
		for range n {
			list.Append(lua.LTrue)
		}
		_, faults := Check(L, "request body", Read(L, "request body", eval(t, L, `{ "string" }`), nil), list, Options{})
		if got := len(faults.All()); got != want.listed || faults.Message() != want.message {
			t.Errorf("%d: %d listed, %s", n, got, faults.Message())
		}
		if more := n > schema.MaxFaults; more != strings.HasSuffix(faults.String(), "\n  and more\n") {
			t.Errorf("%d: the text ends in %q", n, faults.String()[len(faults.String())-40:])
		}
	}
}

// What faults say has a bound, also where each says much; none of it gets through for that.
func TestLongFaults(t *testing.T) {
	L := newState(t)
	v := eval(t, L, `(function() local t = {} for i = 1, 1000 do t[i] = string.rep("\1", 1000) end return t end)()`)
	expected := Read(L, "x", eval(t, L, `{ { type = "string", enum = { string.rep("e", 5000) } } }`), nil)
	_, faults := Check(L, "x", expected, v, Options{})
	if faults == nil || !faults.Full() || len(faults.String()) > 200<<10 || len(faults.List) == 0 {
		t.Errorf("%d faults, a text of %d bytes", len(faults.List), len(faults.String()))
	}
	said := schema.NewFaults("x")
	said.AddText(nil, "check", strings.Repeat("ä", 1<<20))
	if said.Empty() || len(said.List[0].Message) > 1100 || !utf8.ValidString(said.List[0].Message) {
		t.Errorf("a message of %d bytes", len(said.List[0].Message))
	}
}

// At most 64 bytes of what a client sent are shown, on one line, and no half of a character.
func TestEcho(t *testing.T) {
	for in, want := range map[string]string{
		"abc":                              "abc",
		"it's \"so\"":                      `it's "so"`,
		"a\nb\x1b[31m\x00\xff":             `a\nb\x1b[31m\x00\xff`,
		strings.Repeat("a", 64):            strings.Repeat("a", 64),
		strings.Repeat("a", 65):            strings.Repeat("a", 64) + "...",
		strings.Repeat("a", 63) + "äb":     strings.Repeat("a", 63) + "...",
		strings.Repeat("a", 61) + "😀bcdef": strings.Repeat("a", 61) + "...",
		strings.Repeat("\x80", 100):        strings.Repeat(`\x80`, 61) + "...",
	} {
		if got := schema.Echo(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestError(t *testing.T) {
	L := newState(t)
	L.SetGlobal("fail", L.NewFunction(func(L *lua.LState) int {
		_, faults := Check(L, "request body", Read(L, "request body", L.Get(1), nil), L.Get(2), Options{})
		Raise(L, faults)
		return 0
	}))
	err, ok := eval(t, L, `select(2, pcall(fail, { a = "string", b = { c = "any" } }, { b = {} }))`).(*lua.LTable)
	if !ok || FaultsOf(err) == nil || len(FaultsOf(err).List) != 2 {
		t.Fatalf("raised: %v", err)
	}
	L.SetGlobal("err", err)
	got := eval(t, L, `table.concat({ err.status, err.message, #err.errors, err.errors[2].field, err.errors[2].type, tostring(err), tostring(getmetatable(err)) }, "|")`)
	want := "400|Field 'a' is required, and 1 more|2|b.c|required|Validation failed for request body:\n\n" +
		"  1. Field 'a'\n     Error: Field 'a' is required\n     Type: required\n\n" +
		"  2. Field 'b.c'\n     Error: Field 'b.c' is required\n     Type: required\n|false"
	if got.String() != want {
		t.Errorf("got %s", got)
	}
	if FaultsOf(eval(t, L, `setmetatable({}, { faults = 1 })`).(*lua.LTable)) != nil {
		t.Error("a script makes an error of faults")
	}
}

func TestLoopsEndWithTheBurst(t *testing.T) {
	luarttest.EndWithBurst(t, map[string]func(L *lua.LState){
		"items": func(L *lua.LState) {
			s := L.NewTable()
			s.Append(lua.LString("string"))
			Check(L, "x", Read(L, "x", s, nil), luarttest.Strings(L, 2000), Options{})
		},
		"members": func(L *lua.LState) {
			Check(L, "x", Read(L, "x", luarttest.Names(L, 2000), nil), L.NewTable(), Options{})
		},
		"extra members": func(L *lua.LState) {
			Check(L, "x", Read(L, "x", L.NewTable(), nil), luarttest.Names(L, 2000), Options{Extra: schema.Refuse})
		},
	})
}

func ExampleCheck() {
	L := lua.NewState()
	defer L.Close()
	s := L.NewTable()
	s.RawSetString("name", lua.LString("string"))
	_, faults := Check(L, "request body", Read(L, "request body", s, nil), L.NewTable(), Options{})
	fmt.Print(faults)
	// Output:
	// Validation failed for request body:
	//
	//   1. Field 'name'
	//      Error: Field 'name' is required
	//      Type: required
}
