package jsonlua

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

// newJSONState returns a VM with the base library and rover.json as the global "json".
func newJSONState(tb testing.TB) *lua.LState {
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	tb.Cleanup(L.Close)
	L.Push(L.NewFunction(lua.OpenBase))
	L.Call(0, 0)
	L.SetGlobal("json", Open(L))
	return L
}

// evalJSON returns the first result of a Lua chunk.
func evalJSON(tb testing.TB, L *lua.LState, chunk string) lua.LValue {
	tb.Helper()
	top := L.GetTop()
	if err := L.DoString(chunk); err != nil {
		tb.Fatal(err)
	}
	v := L.Get(top + 1)
	L.SetTop(top)
	return v
}

func TestAppendJSON(t *testing.T) {
	tests := []struct{ name, chunk, want string }{
		{"nil", `return nil`, `null`},
		{"true", `return true`, `true`},
		{"false", `return false`, `false`},
		{"null", `return json.null`, `null`},
		{"string", `return "hello"`, `"hello"`},

		{"empty table", `return {}`, `{}`},
		{"emptied array", `local t = {1} t[1] = nil return t`, `{}`},
		{"object", `return {message="hello"}`, `{"message":"hello"}`},
		{
			"insertion order", `local t = {} for _, k in ipairs{"z","a","m","b"} do t[k] = k end t.a = 1 return t`,
			`{"z":"z","a":1,"m":"m","b":"b"}`,
		},
		{"removed members", `local t = {a=1} t.b = 2 t.c = 3 t.a = nil t.c = nil return t`, `{"b":2}`},
		{"empty key", `return {[""]=1}`, `{"":1}`},
		{"NUL in key", `return {["a\0b"]=1}`, `{"a\u0000b":1}`},
		{"null member", `return {a=json.null}`, `{"a":null}`},

		{"array", `return {1, "a", true, {}, {1}}`, `[1,"a",true,{},[1]]`},
		{"holes", `return {1, nil, nil, 4}`, `[1,null,null,4]`},
		{"trailing nils", `return {1, 2, nil, nil}`, `[1,2]`},
		{"null items", `return {json.null, 2}`, `[null,2]`},
		{"no [1]", `return {nil, 2, nil, 4}`, `{"2":2,"4":4}`},
		{"no [1], then strings", `local t = {nil, 2, 3} t[3] = nil t.x = "y" return t`, `{"2":2,"x":"y"}`},
		{"array hides other keys", `return {1, x=2, [true]=3, [0]=4, [1.5]=5, [67108864]=6, [-1]=print}`, `[1]`},
		{"array may be sparse", `return {1, [1028]=2}`, `[1` + strings.Repeat(",null", 1026) + `,2]`},

		{"marked, empty", `return json.array{}`, `[]`},
		{"marked, filled", `local t = json.array() t[1] = 1 t[2] = 2 return t`, `[1,2]`},
		{"marked, no [1]", `return json.array{nil, 2}`, `[null,2]`},
		{"marked, strings", `return json.array{x=1}`, `[]`},

		{
			"number keys", `local t = {} t[0]=1 t[-1]=2 t[1.5]=3 t[67108864]=4 t[1e300]=5 t[1/0]=6 return t`,
			`{"0":1,"-1":2,"1.5":3,"67108864":4,"1e+300":5,"inf":6}`,
		},
		{"no metamethods", `return setmetatable({a=1}, {__index={[1]="x"}, __len=error, __pairs=error, __tostring=error})`, `{"a":1}`},
		{"shared subtable", `local s = {1} return {s, s, {s}}`, `[[1],[1],[[1]]]`},
	}
	L := newJSONState(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Append(nil, []byte("dst:"), evalJSON(t, L, tt.chunk))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != "dst:"+tt.want {
				t.Errorf("got  %s\nwant dst:%s", got, tt.want)
			}
		})
	}
}

// foreignText is a text of somebody else.
type foreignText struct {
	text   string
	isJSON bool
	err    error
}

func (f foreignText) JSONText() ([]byte, bool, error) { return []byte(f.text), f.isJSON, f.err }

// A text of somebody else is written as it is where it is JSON, and as a string where it is not.
func TestAppendForeignText(t *testing.T) {
	deep := strings.Repeat("[", 63) + strings.Repeat("]", 63)
	for _, tt := range []struct {
		in   foreignText
		want string
	}{
		{foreignText{text: " {\"a\" : [1.0, 12345678901234567890,null,{ }, []]}\n", isJSON: true}, `[{"a" : [1.0, 12345678901234567890,null,{ }, []]}]`},
		{foreignText{text: `{"a":1}`}, `["{\"a\":1}"]`},
		{foreignText{text: `"x"`, isJSON: true}, `["x"]`},
		{foreignText{text: ``, isJSON: true}, `[""]`},
		{foreignText{text: `{"a":1`, isJSON: true}, `["{\"a\":1"]`},
		{foreignText{text: `{"a":1,}`, isJSON: true}, `["{\"a\":1,}"]`},
		{foreignText{text: `{"a" 1}`, isJSON: true}, `["{\"a\" 1}"]`},
		{foreignText{text: `[1 2]`, isJSON: true}, `["[1 2]"]`},
		{foreignText{text: `1] , [2`, isJSON: true}, `["1] , [2"]`},
		{foreignText{text: `{"a\x":1}`, isJSON: true}, `["{\"a\\x\":1}"]`},
		{foreignText{text: "\"\xff\"", isJSON: true}, `["\"` + "\uFFFD" + `\""]`},
		{foreignText{text: deep, isJSON: true}, "[" + deep + "]"},
		{foreignText{text: "[" + deep + "]", isJSON: true}, `["[` + deep + `]"]`},
		{foreignText{err: errors.New("it is over")}, `it is over (at [1])`},
		{foreignText{text: strings.Repeat("x", MaxBytes)}, `cannot encode a value as JSON: longer than 16777216 bytes (at [1])`},
		{foreignText{text: `"` + strings.Repeat("x", MaxBytes) + `"`, isJSON: true}, `cannot encode a value as JSON: longer than 16777216 bytes (at [1])`},
	} {
		L := newJSONState(t)
		list := L.NewTable()
		list.Append(&lua.LUserData{Value: tt.in, Metatable: lua.LNil})
		got, err := Append(nil, nil, list)
		if err != nil {
			got = []byte(err.Error())
		}
		if string(got) != tt.want {
			t.Errorf("%.100s:\ngot  %.100s\nwant %.100s", tt.in.text, got, tt.want)
		}
	}
}

// FuzzForeignText holds what is taken for JSON against Decode.
func FuzzForeignText(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	L := newJSONState(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := Append(nil, nil, &lua.LUserData{Value: foreignText{text: string(in), isJSON: true}, Metatable: lua.LNil})
		if err != nil || !json.Valid(out) || !utf8.Valid(out) {
			t.Fatalf("%q became %q, %v", in, out, err)
		}
		_, wrong := DecodeWith(L, in, Options{Exact: true})
		want := string(AppendString(nil, string(in)))
		if wrong == nil && utf8.Valid(in) {
			want = strings.Trim(string(in), " \t\r\n")
		}
		if string(out) != want {
			t.Errorf("%q became %q, want %q", in, out, want)
		}
	})
}

func TestAppendJSONErrors(t *testing.T) {
	tests := []struct{ name, chunk, want string }{
		{"function", `return print`, `cannot encode a function as JSON`},
		{"function in path", `return {path={to={1, 2, {field=print}}}}`, `cannot encode a function as JSON (at .path.to[3].field)`},
		{
			"quoted path", `return {["a-b"]={["c\n\255"]={[""]={[1.5]={nil, print}}}}}`,
			`cannot encode a function as JSON (at ["a-b"]["c\n\xff"][""][1.5][2])`,
		},
		{
			"long path", `return {["` + strings.Repeat("k", 41) + `"]=print}`,
			`cannot encode a function as JSON (at ["` + strings.Repeat("k", 40) + `"...])`,
		},
		{"thread", `return {newthread}`, `cannot encode a thread as JSON (at [1])`},
		{"userdata", `return {a={newuserdata}}`, `cannot encode a userdata as JSON (at .a[1])`},
		{"channel", `return {a=newchannel}`, `cannot encode a channel as JSON (at .a)`},

		{"boolean key", `return {a={[true]=1}}`, `cannot encode a table as JSON: keys must be strings or numbers, not a boolean (at .a)`},
		{"table key", `return {[{}]=1}`, `cannot encode a table as JSON: keys must be strings or numbers, not a table`},
		{"key twice", `return {a={nil, 2, ["2"]="two"}}`, `cannot encode a table as JSON: it has both the number 2 and the string "2" as keys (at .a)`},
		{"fraction key twice", `return {[1.5]=1, ["1.5"]=2}`, `cannot encode a table as JSON: it has both the number 1.5 and the string "1.5" as keys`},

		{"self cycle", `local t = {} t.me = t return t`, `cannot encode a table as JSON: it contains itself (at .me)`},
		{"array cycle", `local t = {1} t[2] = t return t`, `cannot encode a table as JSON: it contains itself (at [2])`},
		{"mutual cycle", `local a, b = {}, {} a.b = b b.a = {a} return {x=a}`, `cannot encode a table as JSON: it contains itself (at .x.b.a[1])`},
		{"sparse", `return {a={1, [1029]=2}}`, `cannot encode a table as JSON: too sparse for an array (2 items, last index 1029) (at .a)`},
		{"very sparse", `return {1, [1000000]=2}`, `cannot encode a table as JSON: too sparse for an array (2 items, last index 1000000)`},
	}
	L := newJSONState(t)
	thread, cancel := L.NewThread()
	if cancel != nil {
		defer cancel()
	}
	L.SetGlobal("newthread", thread)
	L.SetGlobal("newuserdata", L.NewUserData())
	L.SetGlobal("newchannel", lua.LChannel(make(chan lua.LValue)))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Append(nil, []byte("dst"), evalJSON(t, L, tt.chunk))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if string(got) != "dst" {
				t.Errorf("dst after an error is %q", got)
			}
		})
	}
}

func TestAppendJSONDepth(t *testing.T) {
	L := newJSONState(t)
	nested := func(n int, open string) lua.LValue {
		return evalJSON(t, L, "return "+strings.Repeat(open, n-1)+"{}"+strings.Repeat("}", n-1))
	}
	got, err := Append(nil, nil, nested(64, "{"))
	if want := strings.Repeat("[", 63) + "{}" + strings.Repeat("]", 63); err != nil || string(got) != want {
		t.Errorf("64 levels: %s, %v", got, err)
	}
	for _, open := range []string{"{", "{a="} {
		_, err := Append(nil, nil, nested(65, open))
		step := map[string]string{"{": "[1]", "{a=": ".a"}[open]
		want := "cannot encode a table as JSON: nested deeper than 64 levels (at " + strings.Repeat(step, 64) + ")"
		if err == nil || err.Error() != want {
			t.Errorf("65 levels: %v", err)
		}
	}
}

// Subtables that are used twice on every level double the output with each: the size limit ends it.
func TestAppendJSONSize(t *testing.T) {
	L := newJSONState(t)
	for _, leaf := range []string{`{}`, `{a=""}`, `json.array{}`} {
		v := evalJSON(t, L, `local t = {`+leaf+`} for i = 1, 60 do t = {t, t} end return t`)
		_, err := Append(nil, nil, v)
		if want := "longer than 16777216 bytes (at [1]"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("leaf %s: got %v, want %q in it", leaf, err, want)
		}
	}
	long := L.CreateTable(2, 0)
	for range 3 {
		long.Append(lua.LString(strings.Repeat("x", MaxBytes/2)))
	}
	if _, err := Append(nil, nil, long); err == nil || !strings.HasSuffix(err.Error(), "(at [2])") {
		t.Errorf("long strings: %v", err)
	}
}

func TestAppendJSONNumber(t *testing.T) {
	tests := []struct {
		f    float64
		want string
	}{
		{0, "0"},
		{math.Copysign(0, -1), "0"},
		{1, "1"},
		{-1, "-1"},
		{200, "200"},
		{0.1, "0.1"},
		{-1.5, "-1.5"},
		{1e-6, "0.000001"},
		{1e-7, "1e-07"},
		{1<<53 - 1, "9007199254740991"},
		{1 << 53, "9007199254740992"},
		{-(1 << 53), "-9007199254740992"},
		{1<<53 + 2, "9007199254740994"},
		{1 << 63, "9223372036854776000"},
		{-(1 << 63), "-9223372036854776000"},
		{1e20, "100000000000000000000"},
		{1e21, "1e+21"},
		{1e308, "1e+308"},
		{-1e308, "-1e+308"},
		{math.MaxFloat64, "1.7976931348623157e+308"},
		{math.SmallestNonzeroFloat64, "5e-324"},
		{math.NaN(), "null"},
		{math.Inf(1), "null"},
		{math.Inf(-1), "null"},
	}
	for _, tt := range tests {
		got := string(AppendNumber(nil, tt.f))
		if got != tt.want {
			t.Errorf("%v: got %s, want %s", tt.f, got, tt.want)
		}
		if got == "null" {
			continue
		}
		if back, err := strconv.ParseFloat(got, 64); err != nil || back != tt.f {
			t.Errorf("%s reads back as %v, %v", got, back, err)
		}
	}
}

func TestAppendJSONString(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", `""`},
		{`a"b\c/d`, `"a\"b\\c/d"`},
		{"\b\f\n\r\t", `"\b\f\n\r\t"`},
		{"a\x00b\x1f\x7f", `"a\u0000b\u001f` + "\x7f\""},
		{"<a href='x'>&", `"<a href='x'>&"`},
		{"é漢😀", `"é漢😀"`},
		{"x\u2028y\u2029", `"x\u2028y\u2029"`},
		{"a\xffb", `"a` + "\uFFFD" + `b"`},
		{"\xe6\xbc", "\"\uFFFD\uFFFD\""},             // a rune cut short
		{"\xed\xa0\x80", "\"\uFFFD\uFFFD\uFFFD\""},   // a surrogate in UTF-8
		{"\xc0\xaf\uFFFD", "\"\uFFFD\uFFFD\uFFFD\""}, // overlong, then a real U+FFFD
	}
	for _, tt := range tests {
		if got := string(AppendString(nil, tt.in)); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.in, got, tt.want)
		}
	}
	for c := range 256 { // each byte alone, with encoding/json as the judge
		in := "a" + string([]byte{byte(c)}) + "z"
		var got, want string
		if err := json.Unmarshal(AppendString(nil, in), &got); err != nil {
			t.Errorf("byte %#x: %v", c, err)
		}
		if want = strings.ToValidUTF8(in, "\uFFFD"); got != want {
			t.Errorf("byte %#x: reads back as %q, want %q", c, got, want)
		}
	}
	megabyte := strings.Repeat("0123456789abcdé\n", 1<<16)
	var back string
	if err := json.Unmarshal(AppendString(nil, megabyte), &back); err != nil || back != megabyte {
		t.Errorf("a string of 1 MiB came back with %d bytes, %v", len(back), err)
	}
}

func TestAppendJSONAllocations(t *testing.T) {
	L := newJSONState(t)
	dst := make([]byte, 0, 4096)
	for _, chunk := range []string{`return {message="hello"}`, `return {1, 2.5, "x", {a={b=json.null}}}`} {
		v := evalJSON(t, L, chunk)
		if n := testing.AllocsPerRun(100, func() { dst, _ = Append(nil, dst[:0], v) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", chunk, n)
		}
	}
}

var jsonBenchChunks = []struct{ name, chunk string }{
	{"hello", `return {message="hello"}`},
	{"object5", `return {id=12, name="Ada", email="ada@example.com", admin=true, score=1.5}`},
	{"array100", `local t = {} for i = 1, 100 do t[i] = i end return t`},
	{"nested", `local t = {} for i = 1, 20 do t[i] = {id=i, tags={"a","b"}, owner={name="Ada", at={x=1,y=2}}} end return {rows=t, total=20}`},
	{"string1MiB", `local s = "0123456789abcde " for i = 1, 16 do s = s .. s end return s`},
}

func BenchmarkAppendJSON(b *testing.B) {
	for _, bb := range jsonBenchChunks {
		b.Run(bb.name, func(b *testing.B) {
			v := evalJSON(b, newJSONState(b), bb.chunk)
			dst, err := Append(nil, nil, v)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				dst, _ = Append(nil, dst[:0], v)
			}
		})
	}
}

// BenchmarkTableIteration compares the ways in which gopher-lua lets one read an object: Next, in a
// fixed order, and ForEach, in a random one.
func BenchmarkTableIteration(b *testing.B) {
	for _, n := range []int{1, 5, 50} {
		t := &lua.LTable{Metatable: lua.LNil}
		for i := range n {
			t.RawSetString(fmt.Sprint("key", i), lua.LTrue)
		}
		b.Run(fmt.Sprintf("Next/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for k, _ := t.Next(lua.LNil); k != lua.LNil; k, _ = t.Next(k) {
				}
			}
		})
		b.Run(fmt.Sprintf("ForEach/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				t.ForEach(func(lua.LValue, lua.LValue) {})
			}
		})
	}
}
