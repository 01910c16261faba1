package luaval

import (
	"slices"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestTexts(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	for code, want := range map[string][]string{
		`"a"`: {"a"}, `{ "a", "b" }`: {"a", "b"}, `{}`: {}, `""`: {""}, `{ "a", "" }`: {"a", ""},
		`{ "a", 1 }`: nil, `{ "a", b = "c" }`: nil, `{ b = "c" }`: nil, `{ "a", nil, "c" }`: nil, `1`: nil, `nil`: nil,
	} {
		if err := L.DoString("return " + code); err != nil {
			t.Fatal(err)
		}
		got, ok := Texts(L.Get(-1), 0)
		if _, some := Texts(L.Get(-1), 1); some != (len(want) > 0) {
			t.Errorf("%s has at least one: %v", code, some)
		}
		L.Pop(1)
		if ok != (want != nil) || ok && !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", code, got, ok)
		}
	}
}
