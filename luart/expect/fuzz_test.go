package expect

import (
	"testing"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/schema"
)

// FuzzCheck checks JSON against schemas that are made of JSON: what comes out is as the schema says,
// has no member that it does not name, and passes again unchanged; what is refused has faults that
// have names.
func FuzzCheck(f *testing.F) {
	f.Add(`{"a":"string","b?":{"c":"integer"}}`, `{"a":"x","b":{"c":1,"d":2}}`)
	f.Add(`[{"a":"number?"}]`, `[{"a":null},{"a":1.5,"b":[]}]`)
	f.Add(`"any"`, `{"a":[[]]}`)
	f.Add(`{"a":["string"],"b":"table"}`, `{"a":{},"b":1}`)
	f.Add(`{"a":"object","a?":"array"}`, `{"a":[]}`)
	f.Add(`{"a":{"type":"integer","default":3,"min":1,"enum":[1,2,3]},"b":["integer?"]}`, `{"b":[null,9007199254740993]}`)
	f.Add(`{"a":{"type":"object","default":{},"schema":{"b":{"type":"array","default":[]}}}}`, `{"a":{"b":null}}`)
	f.Add(`{"a":{"type":"string","nullable":true,"required":true,"email":true}}`, `{"a":null}`)
	f.Add(`{"a":{"type":"array","element":{"type":"array","element":"any?","len":1},"default":[[1]]}}`, `{"a":[[null],null]}`)
	f.Fuzz(func(t *testing.T, schemaText, valueText string) {
		L := lua.NewState(lua.Options{SkipOpenLibs: true})
		defer L.Close()
		written, err := jsonlua.Decode(L, []byte(schemaText))
		if err != nil || !utf8.ValidString(schemaText) { // JSON has no such names
			return
		}
		var field *schema.Field
		if err := L.GPCall(func(L *lua.LState) int { field = Read(L, "x", written, nil); return 0 }, lua.LNil); err != nil {
			return // a schema that is none raises
		}
		for _, o := range []Options{
			{},
			{JSON: true, Own: true},
			{JSON: true, Own: true, Null: true},
			{JSON: true, Own: true, Extra: schema.Refuse},
			{JSON: true, Own: true, Extra: schema.Keep},
			{JSON: true, Own: true, Exact: true},
		} {
			v, err := jsonlua.DecodeWith(L, []byte(valueText), jsonlua.Options{Null: true, Exact: o.Exact, Strict: true})
			if err != nil {
				return
			}
			got, faults := Check(L, "x", field, v, o)
			if faults != nil {
				if faults.Empty() || faults.Message() == "" || faults.String() == "" {
					t.Errorf("faults without a name: %+v", faults)
				}
				continue
			}
			one, err := jsonlua.Append(nil, nil, got)
			if err != nil {
				t.Fatalf("%s against %s: the result is no JSON: %v", valueText, schemaText, err)
			}
			if o.Extra == schema.Strip {
				o.Extra = schema.Refuse
			}
			if again, err := jsonlua.DecodeWith(L, one, jsonlua.Options{Null: true, Exact: o.Exact, Strict: true}); err == nil {
				got = again // as somebody else reads it
			}
			again, faults := Check(L, "x", field, got, o)
			if faults != nil {
				t.Fatalf("%s against %s: the result %s has faults: %s", valueText, schemaText, one, faults)
			}
			if two, _ := jsonlua.Append(nil, nil, again); len(one) != len(two) {
				t.Errorf("%s against %s: %s, and then %s", valueText, schemaText, one, two)
			}
		}
	})
}

// FuzzTexts reads texts as values: what comes out says the same as the text.
func FuzzTexts(f *testing.F) {
	for _, text := range []string{"12", "0x10", "1e3", " 12", "12abc", "NaN", "+1", "-0", "007", "true", "", "\xff", "9007199254740993"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		L := lua.NewState(lua.Options{SkipOpenLibs: true})
		defer L.Close()
		for _, kind := range []string{"string", "number", "integer", "boolean", "any"} {
			s := L.NewTable()
			s.RawSetString("a", lua.LString(kind))
			list := L.NewTable()
			list.Append(lua.LString(kind))
			s.RawSetString("list", list)
			texts := Texts{What: "query", Values: func(name string) []string {
				if name == "a" {
					return []string{a}
				}
				return []string{a, b}
			}}
			got, faults := CheckTexts(L, ReadTexts(L, "query", s, nil), texts, Options{})
			if faults != nil {
				if faults.Empty() || faults.Message() == "" {
					t.Errorf("faults without a name: %+v", faults)
				}
				continue
			}
			items := got.RawGetString("list").(*lua.LTable)
			for text, v := range map[string]lua.LValue{a: items.RawGetInt(1), b: items.RawGetInt(2)} {
				if v.Type() == lua.LTString && string(v.(lua.LString)) != text {
					t.Errorf("%q as %s is %q", text, kind, v)
				}
				if v.Type() == lua.LTBool && v.String() != text {
					t.Errorf("%q as %s is %v", text, kind, v)
				}
				if v.Type() == lua.LTNumber && kind == "integer" && v.String() != text && len(text) < 15 {
					t.Errorf("%q as %s is %v", text, kind, v)
				}
			}
			if got.RawGetString("a") != items.RawGetInt(1) {
				t.Errorf("%q as %s is %v alone", a, kind, got.RawGetString("a"))
			}
		}
	})
}
