package jsonlua

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// equalJSON reports whether two decoded values are the same, marks of empty arrays included.
func equalJSON(a, b lua.LValue) bool {
	s, ok := a.(*lua.LTable)
	t, tok := b.(*lua.LTable)
	if !ok || !tok {
		return a == b
	}
	members := func(t *lua.LTable) (n int) {
		t.ForEach(func(lua.LValue, lua.LValue) { n++ })
		return n
	}
	same := luaval.IsJSONArray(s) == luaval.IsJSONArray(t) && members(s) == members(t)
	s.ForEach(func(k, v lua.LValue) { same = same && equalJSON(v, t.RawGet(k)) })
	return same
}

// The second column is a Lua expression for the wanted value.
func TestDecodeJSON(t *testing.T) {
	tests := []struct{ in, want string }{
		{`null`, `nil`},
		{`true`, `true`},
		{`false`, `false`},
		{"\t\r\n 1 \t\r\n", `1`},

		{`{}`, `{}`},
		{`[]`, `json.array{}`},
		{` { } `, `{}`},
		{` [ ] `, `json.array{}`},
		{`{"a":1,"b":{"c":[1,2]}}`, `{a=1, b={c={1, 2}}}`},
		{`[[],{},[[]]]`, `{json.array{}, {}, {json.array{}}}`},
		{` [ 1 , "a" , { "b" : [ true ] } ] `, `{1, "a", {b={true}}}`},
		{`{"":1}`, `{[""]=1}`},
		{`{"1":"x"}`, `{["1"]="x"}`},

		{`{"a":null,"b":1}`, `{b=1}`},
		{`{"a":null}`, `{}`},
		{`[null,2,null]`, `{json.null, 2, json.null}`},
		{`{"a":1,"a":2}`, `{a=2}`},
		{`{"a":1,"a":null}`, `{}`},
		{`{"a":null,"a":1}`, `{a=1}`},
		{`[[1,2],[3],{"x":[4,{"y":5}],"z":6},7]`, `{{1, 2}, {3}, {x={4, {y=5}}, z=6}, 7}`},

		{`0`, `0`},
		{`-1`, `-1`},
		{`1.5e3`, `1500`},
		{`1E+2`, `100`},
		{`1e-2`, `0.01`},
		{`0e0`, `0`},
		{`0.5`, `0.5`},
		{`999999999999999`, `999999999999999`},
		{`9007199254740992`, `2^53`},
		{`9007199254740993`, `2^53`},
		{`-9007199254740993`, `-2^53`},
		{`12345678901234567890123`, `12345678901234567890123`},
		{`1e308`, `1e308`},
		{`1.7976931348623157e308`, `1.7976931348623157e308`},
		{`1e-400`, `0`},

		{`""`, `""`},
		{`"a\u0000b"`, `"a\0b"`},
		{`"\"\\\/\b\f\n\r\t"`, `"\"\\/\b\f\n\r\t"`},
		{`"\u00e9\u6F22"`, `"é漢"`},
		{`"\ud83d\ude00"`, `"😀"`},
		{`"a\uD83D\uDE00b"`, `"a😀b"`},
		{`"\ud83d"`, `"` + "\uFFFD" + `"`},
		{`"\ude00x"`, `"` + "\uFFFD" + `x"`},
		{`"\ud83d\n"`, `"` + "\uFFFD" + `\n"`},
		{`"\ud83d\u0041"`, `"` + "\uFFFD" + `A"`},
		{`"\ud83d\ud83d\ude00"`, `"` + "\uFFFD" + `😀"`},
		{"\"a\xff\xc0\"", `"a\255\192"`},
		{"{\"\xff\\n\":1}", `{["\255\n"]=1}`},
		{"\"\x7f\"", `"\127"`},
	}
	L := newJSONState(t)
	for _, tt := range tests {
		in := []byte(tt.in)
		got, err := Decode(L, in)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		clear(in) // the value must not look into the buffer
		if !equalJSON(got, evalJSON(t, L, "return "+tt.want)) {
			text, _ := Append(nil, nil, got)
			t.Errorf("%s: got %s, want %s", tt.in, text, tt.want)
		}
	}
	zero, err := Decode(L, []byte("-0"))
	if f, ok := zero.(lua.LNumber); err != nil || !ok || f != 0 || !math.Signbit(float64(f)) {
		t.Errorf("-0: got %v, %v", zero, err)
	}
}

func TestDecodeJSONErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{``, `1: expected a value, got end of input`},
		{" \n", `3: expected a value, got end of input`},
		{`x`, `1: expected a value, got 'x'`},
		{"\xef\xbb\xbf1", `1: expected a value, got byte 0xef`},
		{"\x00", `1: expected a value, got byte 0x00`},
		{`1 2`, `3: expected end of input, got '2'`},
		{`{} }`, `4: expected end of input, got '}'`},

		{`nul`, `4: expected null, got end of input`},
		{`tru e`, `4: expected true, got ' '`},
		{`faLse`, `3: expected false, got 'L'`},
		{`nulll`, `5: expected end of input, got 'l'`},
		{`NaN`, `1: expected a value, got 'N'`},

		{`[`, `2: expected a value or ']', got end of input`},
		{`[1`, `3: expected ',' or ']', got end of input`},
		{`[1 2]`, `4: expected ',' or ']', got '2'`},
		{`[1,]`, `4: expected a value, got ']'`},
		{`[,1]`, `2: expected a value or ']', got ','`},
		{`{`, `2: expected a string key or '}', got end of input`},
		{`{a:1}`, `2: expected a string key or '}', got 'a'`},
		{`{"a"}`, `5: expected ':', got '}'`},
		{`{"a":}`, `6: expected a value, got '}'`},
		{`{"a":1,}`, `8: expected a string key, got '}'`},
		{`{"a":1, "bc":234x}`, `17: expected ',' or '}', got 'x'`},
		{`{1:2}`, `2: expected a string key or '}', got '1'`},
		{`/**/1`, `1: expected a value, got '/'`},

		{`01`, `2: a number must not start with 0`},
		{`-012`, `3: a number must not start with 0`},
		{`-`, `2: expected a digit, got end of input`},
		{`+1`, `1: expected a value, got '+'`},
		{`.5`, `1: expected a value, got '.'`},
		{`1.`, `3: expected a digit, got end of input`},
		{`[1.e2]`, `4: expected a digit, got 'e'`},
		{`1e`, `3: expected a digit, got end of input`},
		{`1e+x`, `4: expected a digit, got 'x'`},
		{`0x10`, `2: expected end of input, got 'x'`},
		{`[1e309]`, `2: number out of range`},

		{`"abc`, `5: expected '"', got end of input`},
		{"\"a\nb\"", `3: control character 0x0a in a string must be escaped`},
		{"\"a\x00\"", `3: control character 0x00 in a string must be escaped`},
		{"{\"a\tb\":1}", `4: control character 0x09 in a string must be escaped`},
		{`"\x41"`, `3: expected one of "\/bfnrtu after a backslash, got 'x'`},
		{`"\`, `3: expected one of "\/bfnrtu after a backslash, got end of input`},
		{`"\u12g4"`, `6: expected four hexadecimal digits after \u, got 'g'`},
		{`"\u12`, `6: expected four hexadecimal digits after \u, got end of input`},
		{`"\ud83d\u12"`, `12: expected four hexadecimal digits after \u, got '"'`},
		{`"\ud83d\u`, `10: expected four hexadecimal digits after \u, got end of input`},
		{`'a'`, `1: expected a value, got '''`},
	}
	L := newJSONState(t)
	for _, tt := range tests {
		v, err := Decode(L, []byte(tt.in))
		if want := "invalid JSON at byte " + tt.want; err == nil || err.Error() != want {
			t.Errorf("%q\ngot  %v\nwant %s", tt.in, err, want)
		}
		if v != lua.LNil {
			t.Errorf("%q: the value beside the error is %v, want nil", tt.in, v)
		}
	}
}

func TestDecodeJSONDepth(t *testing.T) {
	L := newJSONState(t)
	for _, pair := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
		nested := func(n int) []byte {
			return []byte(strings.Repeat(pair[0], n) + "1" + strings.Repeat(pair[1], n))
		}
		v, err := Decode(L, nested(64))
		if err != nil {
			t.Fatalf("64 levels: %v", err)
		}
		if out, err := Append(nil, nil, v); err != nil || string(out) != string(nested(64)) {
			t.Errorf("64 levels came back as %s, %v", out, err)
		}
		_, err = Decode(L, nested(65))
		want := map[string]string{"[": "65", `{"a":`: "321"}[pair[0]]
		if err == nil || err.Error() != "invalid JSON at byte "+want+": nested deeper than 64 levels" {
			t.Errorf("65 levels: %v", err)
		}
	}
	if _, err := Decode(L, []byte(strings.Repeat("[", 1<<20))); err == nil {
		t.Error("a megabyte of brackets was accepted")
	}
}

func TestDecodeJSONLongString(t *testing.T) {
	L := newJSONState(t)
	for _, want := range []string{strings.Repeat("0123456789abcdef", 1<<16), strings.Repeat("é\n\"\x00abcdefghij", 1<<16)} {
		text, err := Append(nil, nil, lua.LString(want))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(L, text); err != nil || got != lua.LString(want) {
			t.Errorf("a string of %d bytes came back changed, %v", len(want), err)
		}
	}
}

var jsonSeeds = []string{
	`null`, `true`, `-0`, `1e308`, `1e309`, `9007199254740993`, `0.1`, `01`, `[]`, `{}`, `[null]`, `[null,1,[]]`,
	`{"a":{"b":[1,2,{"c":null}]},"d":"e"}`, `{"a":1,"a":null}`, `{"":""}`, `{"1":1,"2":2}`, `[1,]`, `{"a":1,}`, `"`, `"\u12`,
	`"\ud83d\ude00"`, `"\ud83d\u0041"`, `"\u2028\u0000\/"`, "\"\xff\"", "\"\n\"", "\ufeff1", ` [ 1 , 2 ] `, `nul`, `-`, `1.`, `1e+`,
	strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 65) + strings.Repeat("]", 65),
}

// What somebody else may read in another way is an error, where that is asked for.
func TestDecodeStrict(t *testing.T) {
	L := newJSONState(t)
	for in, want := range map[string]string{
		`{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}],"A":null}`: "",
		`{"a":1,"a":1}`:                  `two members of the object before are called "a"`,
		`[{"x":{"a":null,"b":1,"a":2}}]`: `two members of the object before are called "a"`,
		`{"a":"admin\ud800"}`:            "half of a surrogate pair",
		`["\udc00\ud800"]`:               "half of a surrogate pair",
		`["\ud83d\ude00"]`:               "",
		`["\ufffd"]`:                     "",
		`{"a":2,"a":null}`:               `two members of the object before are called "a"`,
		`{"a":null,"\u0061":null}`:       `two members of the object before are called "a"`,
		"{\"n\":\"caf\xe9\"}":            "invalid JSON at byte 10: a byte that is no UTF-8",
		"{\"is_\xffadmin\":1}":           "invalid JSON at byte 6: a byte that is no UTF-8",
		"[\"\xed\xa0\x80\"]":             "invalid JSON at byte 3: a byte that is no UTF-8", // half of a pair
		"\"\ufffd\"":                     "",
	} {
		for _, null := range []bool{false, true} {
			v, err := DecodeWith(L, []byte(in), Options{Strict: true, Null: null})
			if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
				t.Errorf("%q: %v %v, want %q", in, v, err, want)
			}
			if _, err := DecodeWith(L, []byte(in), Options{Null: null}); err != nil {
				t.Errorf("%q: %v", in, err)
			}
		}
	}
	v, err := DecodeWith(L, []byte(`{"a":null,"b":1}`), Options{Strict: true})
	if table, ok := v.(*lua.LTable); err != nil || !ok || table.RawGetString("a") != lua.LNil || table.RawGetString("b") != lua.LNumber(1) {
		t.Errorf("%v %v", v, err)
	}
}

// FuzzJSONDecode holds Decode against encoding/json, which must agree on what is JSON.
func FuzzJSONDecode(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	L := newJSONState(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		_, err := Decode(L, in)
		if !utf8.Valid(in) || err != nil && strings.HasSuffix(err.Error(), "nested deeper than 64 levels") {
			return
		}
		var v any
		if want := json.Unmarshal(in, &v); (err == nil) != (want == nil) {
			t.Errorf("%q: got %v, encoding/json says %v", in, err, want)
		}
	})
}

// What a Lua number holds is one, and what it does not is kept as its text.
func TestDecodeExact(t *testing.T) {
	L := newJSONState(t)
	for _, in := range []string{
		"0", "-0", "1", "-15", "999999999999999", "1234567890123456", "9007199254740991", "9007199254740992", "-9007199254740992",
		"0.1", "1.50", "-2.5e-3", "1e2", "1E+15", "0.30000000000000004", "5e-324", "0e400", "0.0e-99999999999",
		"9007199254740992.0", "9.007199254740992e15", "4503599627370495.5",
	} {
		v, err := DecodeWith(L, []byte(in), Options{Exact: true})
		if err != nil || v.Type() != lua.LTNumber {
			t.Errorf("%s is %v, %v: want a Lua number", in, v, err)
		}
	}
	for _, in := range []string{
		"9007199254740993", "9007199254740994", "-9007199254740993", "10000000000000000", "12345678901234567", "1234567890123456789012345678901234567890",
		"100000000000000000000", "9007199254740993.0", "0.10000000000000000001", "0.1234567890123456789", "1e309", "-1e400", "1e-400", "4.9e-324", "123456789012345678e0",
		"9007199254740994.0", "1e16", "1E+22", "1.7976931348623157e308",
	} {
		v, err := DecodeWith(L, []byte(in), Options{Exact: true})
		if text, ok := luaval.ExactNumber(v); err != nil || !ok || text != in {
			t.Errorf("%s is %v, %v: want it exact", in, v, err)
		}
	}
	for _, in := range []string{"1e99999999999", "1e-99999999999"} {
		_, err := DecodeWith(L, []byte("["+in+"]"), Options{Exact: true})
		if want := "invalid JSON at byte 2: the exponent of a number is out of range"; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

// FuzzDecodeExact holds decoding and encoding with both options against encoding/json with
// UseNumber: all members are there, and all numbers have the same value.
func FuzzDecodeExact(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	f.Add([]byte(`{"id":12345678901234567890,"x":[1e400,0.10000000000000000001,-0.0,5e-324,null]}`))
	L := newJSONState(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		if !utf8.Valid(in) {
			return
		}
		v, err := DecodeWith(L, in, Options{Null: true, Exact: true})
		if err != nil {
			return
		}
		out, err := Append(nil, nil, v)
		if err != nil {
			t.Fatalf("%q decodes and does not encode: %v", in, err)
		}
		if got, want := withNumbers(t, out), withNumbers(t, in); !sameJSON(got, want) {
			t.Fatalf("%q encodes as %q", in, out)
		}
	})
}

func withNumbers(t *testing.T, text []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return v
}

// sameJSON compares what encoding/json made of two texts: numbers by value.
func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && luaval.CompareDecimals(a.String(), b.String()) == 0
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameJSON)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, sameJSON)
	}
	return a == b
}

// FuzzJSONRoundTrip encodes what it decoded: the text must be JSON in valid UTF-8, and mean the
// same.
func FuzzJSONRoundTrip(f *testing.F) {
	for _, seed := range jsonSeeds {
		f.Add([]byte(seed))
	}
	L := newJSONState(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := Decode(L, in)
		if err != nil {
			return
		}
		out, err := Append(nil, nil, v)
		if err != nil {
			if strings.Contains(err.Error(), "bytes") && len(in) > MaxBytes/6 {
				return
			}
			t.Fatalf("%q decodes and does not encode: %v", in, err)
		}
		if !json.Valid(out) || !utf8.Valid(out) {
			t.Fatalf("%q encodes as %q", in, out)
		}
		again, err := Decode(L, out)
		if err != nil {
			t.Fatalf("%q encodes as %q: %v", in, out, err)
		}
		// Invalid UTF-8 is replaced on the way out, and two keys may become one by that.
		if utf8.Valid(in) && !equalJSON(v, again) {
			t.Fatalf("%q encodes as %q, which means something else", in, out)
		}
	})
}

func BenchmarkDecodeJSON(b *testing.B) {
	for _, bb := range jsonBenchChunks {
		b.Run(bb.name, func(b *testing.B) {
			L := newJSONState(b)
			in, err := Append(nil, nil, evalJSON(b, L, bb.chunk))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(L, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
