package luaval

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

func TestCompareDecimals(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"0", "-0", 0},
		{"0", "0.000e9", 0},
		{"1", "1.0", 0},
		{"100", "1e2", 0},
		{"1E+2", "0.1e3", 0},
		{"0.00123", "123e-5", 0},
		{"9007199254740993", "9007199254740992", 1},
		{"-9007199254740993", "-9007199254740992", -1},
		{"-1", "1", -1},
		{"0", "1e-400", -1},
		{"0", "-1e-400", 1},
		{"1e400", "9e399", 1},
		{"1e400", "10e399", 0},
		{"12", "1.2", 1},
		{"12", "123", -1},
		{"1.2", "1.23", -1},
		{"10", "9", 1},
		{"1e2147483647", "1e2147483646", 1},
		{"1e-2147483648", "0", 1},
	} {
		if got := CompareDecimals(tt.a, tt.b); got != tt.want {
			t.Errorf("%s and %s: %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := CompareDecimals(tt.b, tt.a); got != -tt.want {
			t.Errorf("%s and %s: %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
}

func TestIsInteger(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "-0.0": true, "1": true, "10": true, "1.0": true, "1e2": true, "1.25e2": true, "125e-1": false, "1250e-1": true, "1e-1": false,
		"9007199254740993.0": true, "9007199254740993.5": false, "1e400": true, "1e-400": false,
	} {
		if IsInteger(text) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

// FuzzCompareDecimals holds CompareDecimals against math/big.
func FuzzCompareDecimals(f *testing.F) {
	f.Add("1e2", "100")
	f.Add("-0.10", "-1e-1")
	f.Add("9007199254740993", "9007199254740992.9")
	f.Fuzz(func(t *testing.T, a, b string) {
		var n [2]*big.Rat
		for i, text := range []string{a, b} {
			if len(text) > 50 || strings.Trim(text, "0123456789.eE+-") != "" || strings.HasPrefix(text, "+") {
				return
			}
			if e := strings.IndexAny(text, "eE"); e >= 0 && len(text)-e > 4 || strings.HasPrefix(text, ".") {
				return
			}
			r, ok := new(big.Rat).SetString(text)
			if !ok {
				return
			}
			n[i] = r
		}
		if got, want := CompareDecimals(a, b), n[0].Cmp(n[1]); got != want {
			t.Errorf("%s and %s: %d, want %d", a, b, got, want)
		}
	})
}

func TestExactNumber(t *testing.T) {
	L := lua.NewState()
	defer L.Close()
	L.SetGlobal("id", NewExactNumber("12345678901234567890"))
	L.SetGlobal("same", NewExactNumber("12345678901234567890.0"))
	L.SetGlobal("next", NewExactNumber("12345678901234567891"))
	L.SetGlobal("huge", NewExactNumber("-1e400"))
	for expression, want := range map[string]string{
		`tostring(id)`:               "12345678901234567890",
		`"/users/" .. id`:            "/users/12345678901234567890",
		`id .. "/" .. 1`:             "12345678901234567890/1",
		`id .. next`:                 "1234567890123456789012345678901234567891",
		`id == same`:                 "true",
		`id == next`:                 "false",
		`id ~= next`:                 "true",
		`id < next`:                  "true",
		`id <= same`:                 "true",
		`huge < id`:                  "true",
		`next > id`:                  "true",
		`type(id)`:                   "userdata",
		`id == 1`:                    "false",
		`id == tostring(id)`:         "false",
		`getmetatable(id)`:           "json.number",
		`id < 1`:                     "error: attempt to compare userdata with number",
		`id + 1`:                     "error: attempt to compute with 12345678901234567890, which a Lua number cannot hold",
		`1 - huge`:                   "error: attempt to compute with -1e400, which",
		`-id`:                        "error: attempt to compute with",
		`id .. {}`:                   "error: attempt to concatenate a table value",
		`getmetatable(id).__eq`:      "nil",
		`pcall(setmetatable, id, 1)`: "false",
	} {
		got := ""
		if err := L.DoString("return " + expression); err != nil {
			got = "error: " + err.Error()
			if text := strings.TrimPrefix(want, "error: "); strings.HasPrefix(want, "error: ") && strings.Contains(got, text) {
				continue
			}
		} else {
			got = L.ToStringMeta(L.Get(1)).String()
		}
		L.SetTop(0)
		if got != want {
			t.Errorf("%s: %s, want %s", expression, got, want)
		}
	}
}

func TestParseExactNumber(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "-1.50e+400": true, "9007199254740993": true,
		"": false, "01": false, "1.": false, ".5": false, "+1": false, "1e": false, "0x1": false, "1\n": false, "inf": false,
	} {
		n, ok := ParseExactNumber(text)
		if ok != want {
			t.Errorf("%q: %t, want %t", text, ok, want)
		}
		if !ok {
			continue
		}
		if got, _ := ExactNumber(n); got != text {
			t.Errorf("%q came back as %q", text, got)
		}
	}
}

func ExampleNewExactNumber() {
	text, ok := ExactNumber(NewExactNumber("9007199254740993"))
	fmt.Println(text, ok)
	// Output: 9007199254740993 true
}
