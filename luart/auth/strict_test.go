package auth

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// walked is what another reader finds in JSON that must not be there.
type walked struct{ twice, deep bool }

// walk goes through JSON by the tokens of encoding/json.
func walk(t *testing.T, text []byte) (w walked) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var value func(depth int)
	value = func(depth int) {
		token := must(d.Token())
		open, ok := token.(json.Delim)
		if !ok {
			return
		}
		w.deep = w.deep || depth >= maxDepth
		names := map[string]bool{}
		for d.More() {
			if open == '{' {
				name := must(d.Token()).(string)
				w.twice = w.twice || names[name]
				names[name] = true
			}
			value(depth + 1)
		}
		must(d.Token())
	}
	value(0)
	return w
}

// FuzzObject compares the strict reader with encoding/json: it takes what that takes, with the same
// members, but for what can be read in two ways.
func FuzzObject(f *testing.F) {
	const whole = ` {"a" : [1,-0.5e+3,{"b":"\u00e9\n\ud83d\ude00"},true,false , null],"é":{},"c":[] ,"d":""} `
	for end := range len(whole) + 1 {
		f.Add(whole[:end])
	}
	for _, value := range []string{
		"01", "-", "-0", "1.", ".5", "+1", "1e", "1e+", "1E9", "0e0", "00", "1x", "Infinity", "NaN", "0x10", "1e308", "-1e309", strings.Repeat("9", 309), "tru", "truex", "nulls", "True",
		`"\x"`, `"\u12"`, `"\u12g4"`, `"\u0000"`, `"\`, `"\"`, `"\\"`, `"\/"`, "\"\t\"", "\"\x00\"", "\"\x7f\"", `'a'`, "\"\xff\"", "\"\xed\xa0\x80\"",
		"[1,]", "[,1]", "[1 2]", "[1:2]", `{"x":1,}`, `{,}`, `{"x"}`, `{"x":}`, `{"x" 1}`, `{x:1}`, `{"x":1 "y":2}`, `{"x":1]`, `[1}`, "//", "/**/1", "",
		`{"x":1,"x":2}`, `{"x":1,"\u0078":2}`, `[{"x":{}},{"x":[]}]`, `{"\ud800":1}`, `"\ud800"`, `{"\ud83d\ud83d":1}`, `{"\\u":1}`,
		strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1), strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth),
	} {
		f.Add(`{"v":` + value + `}`)
		f.Add(`{"v":` + value + `,"w":1}`)
		f.Add(value)
		f.Add(`{"v":1}` + value)
	}
	names := make([]string, 3*fewMembers)
	for i := range names {
		names[i] = `"` + strings.Repeat("n", i) + `":0`
	}
	f.Add("{" + strings.Join(names, ",") + "}")
	f.Add("{" + strings.Join(append(slices.Clone(names), names[1]), ",") + "}")
	f.Add("{" + strings.Join(append(slices.Clone(names), names[len(names)-1]), ",") + "}")
	f.Add("\ufeff{}")
	f.Add("{}\x00")
	f.Fuzz(func(t *testing.T, written string) {
		text := []byte(written)
		var few [2]member
		got, err := readObject(text, few[:0])
		valid := json.Valid(text) && utf8.Valid(text) && bytes.TrimLeft(text, " \t\r\n")[0] == '{'
		if !valid {
			if err == nil {
				t.Fatalf("%q was read", text)
			}
			return
		}
		w := walk(t, text)
		if err != nil {
			half := strings.Contains(err.Error(), "half a character") && strings.Contains(strings.ToLower(written), `\ud`)
			if large := strings.Contains(err.Error(), "too large"); large {
				if json.Unmarshal(text, new(any)) == nil {
					t.Fatalf("%q: %v", text, err)
				}
				return
			}
			if !w.twice && !w.deep && !half {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if w.twice || w.deep {
			t.Fatalf("%q was read: %+v", text, w)
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); err != nil || len(want) != len(got) {
			t.Fatalf("%q: %d members, %d expected, %v", text, len(got), len(want), err)
		}
		for _, m := range got {
			if !bytes.Equal(want[string(m.name)], m.value) {
				t.Errorf("%q: %q is %q, %q expected", text, m.name, m.value, want[string(m.name)])
			}
		}
	})
}

// A claim is there once: as one name, or by the names that lead to it.
func TestClaimOfTwoNames(t *testing.T) {
	for claims, want := range map[string]bool{
		`{"a":{"b":"x"}}`: true, `{"a.b":"x"}`: true, `{"a.b":"x","a":{"c":1}}`: true, `{"a.b":"x","a":{"b":null}}`: true,
		`{"a.b":"x","a":{"b":"x"}}`: false, `{"a.b":null,"a":{"b":"x"}}`: false, `{"a.b":null}`: false, `{"a":{"b":null}}`: false,
	} {
		token, err := Read(forge(head, claims, secret))
		if err != nil {
			t.Fatal(err)
		}
		if _, got := token.Text("a.b"); got != want {
			t.Errorf("%s: %v", claims, got)
		}
	}
}

// What a claim names counts if all of it are names: half of a list is none.
func TestNames(t *testing.T) {
	const has, hasNot, word = "has", "has not", "as a word alone"
	for claim, want := range map[string]string{
		`"read"`: has, `["list","read"]`: has, `["l\u0069st","re\u0061d"]`: has, `[ "read" ]`: has, `"re\u0061d"`: has,
		`"list read"`: word, `"read\u0020list"`: word, `"  read "`: word, `["list read"]`: hasNot, `"reader"`: hasNot,
		`["read",1]`: hasNot, `["read",""]`: hasNot, `["read",["list"]]`: hasNot, `["read",null]`: hasNot, `["read","\ud800"]`: hasNot,
		`[]`: hasNot, `""`: hasNot, `null`: hasNot, `1`: hasNot, `true`: hasNot, `{"read":true}`: hasNot, `{"0":"read"}`: hasNot,
	} {
		token, err := Read(forge(head, `{"a":{"b":`+claim+`}}`, secret))
		if err != nil {
			t.Errorf("%s: %v", claim, err)
			continue
		}
		names, ok := token.Names("a.b")
		if names.Has("read") != (want == has) || names.HasWord("read") != (want == has || want == word) || want != hasNot && !ok {
			t.Errorf("%s: %v, %v, %v, but it %s", claim, ok, names.Has("read"), names.HasWord("read"), want)
		}
		if first := names.First(); !ok && first != "" || want != hasNot && first == "" {
			t.Errorf("%s: the first is %q", claim, first)
		}
	}
}

// A check makes the token, its decoded text and its kid, and what the signature needs: claims are
// not copied until somebody asks for them.
func TestCheckAllocates(t *testing.T) {
	token := forge(`{"alg":"HS256","typ":"JWT","kid":"a"}`,
		`{"iss":"https://login","sub":"ann","aud":["shop","pay"],"iat":999000,"exp":1000600,"scope":"read write","roles":["a","b"]}`, secret)
	k, rules := key(t, secret), DefaultRules()
	rules.Audiences, rules.Issuers = []string{"shop"}, []string{"https://login"}
	parsed, err := Read(token)
	if err != nil {
		t.Fatal(err)
	}
	signature := testing.AllocsPerRun(100, func() { k.verify("HS256", parsed.signed, parsed.signature) })
	whole := testing.AllocsPerRun(100, func() {
		got, err := Read(token)
		if err == nil {
			err = got.Check(k, &rules, now)
		}
		if names, ok := got.Names("scope"); err != nil || !ok || !names.HasWord("write") {
			t.Fatal(err)
		}
	})
	if whole-signature > 3 {
		t.Errorf("%v allocations, %v of them for the signature: 3 more expected", whole, signature)
	}
}
