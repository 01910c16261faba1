package schema

import (
	"encoding/json"
	"strconv"
	"testing"
)

func TestParse(t *testing.T) {
	const no = 0.5
	for text, want := range map[string]struct{ integer, number float64 }{
		"0": {0, 0}, "12": {12, 12}, "-12": {-12, -12},
		"9007199254740991": {1<<53 - 1, 1<<53 - 1}, "-9007199254740991": {-1<<53 + 1, -1<<53 + 1},
		"9007199254740992": {no, no}, "9007199254740993": {no, no}, "99999999999999999999": {no, no},
		"1.5": {no, 1.5}, "-0.25": {no, -0.25}, "3.0": {no, 3}, "0.0": {no, 0},
		"": {no, no}, "-": {no, no}, "--1": {no, no}, "+1": {no, no}, "-0": {no, no}, "-0.0": {no, no},
		"007": {no, no}, "00": {no, no}, "-01": {no, no}, "01.5": {no, no},
		".5": {no, no}, "5.": {no, no}, ".": {no, no}, "1.2.3": {no, no}, "1,5": {no, no}, "1,000": {no, no}, "1_000": {no, no},
		"1e3": {no, no}, "1E3": {no, no}, "1e400": {no, no}, "0x10": {no, no}, "0b1": {no, no}, "0o7": {no, no}, "0x1p3": {no, no},
		" 12": {no, no}, "12 ": {no, no}, "12abc": {no, no}, "12\n": {no, no}, "12\x00": {no, no}, "１２": {no, no}, "٣": {no, no},
		"NaN": {no, no}, "nan": {no, no}, "inf": {no, no}, "-Inf": {no, no}, "Infinity": {no, no}, "true": {no, no}, "null": {no, no},
	} {
		if n, ok := ParseInteger(text); ok != (want.integer != no) || ok && n != want.integer {
			t.Errorf("the integer %q: %v, %v", text, n, ok)
		}
		if n, ok := ParseNumber(text); ok != (want.number != no) || ok && n != want.number {
			t.Errorf("the number %q: %v, %v", text, n, ok)
		}
	}
	for text, want := range map[string]bool{
		"0.1": true, "10.50": true, "0.0": true, "100.000": true, "0.30000000000000004": true, "9007199254740991": true, "123456789012.345": true,
		"10.0000000000000000000001": false, "0.99999999999999999999999": false, "0.10000000000000000000001": false, "3.14159265358979323846": false,
	} {
		if n, ok := ParseNumber(text); ok != want {
			t.Errorf("the number %q: %v, %v", text, n, ok)
		}
	}
	for text, want := range map[string]string{
		"true": "true", "false": "false", "": "", "TRUE": "", "True": "", "1": "", "0": "", "yes": "", "on": "", "t": "", " true": "", "true\n": "",
	} {
		v, ok := ParseBoolean(text)
		if ok != (want != "") || ok && strconv.FormatBool(v) != want {
			t.Errorf("the boolean %q: %v, %v", text, v, ok)
		}
	}
}

// What is taken for a number is one in JSON, and in Go, of the same value.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"12", "-0", "1.50", "007", "1e3", "0x10", "9007199254740993"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (float64, bool){ParseInteger, ParseNumber} {
			n, ok := parse(text)
			if !ok {
				continue
			}
			var inJSON float64
			if err := json.Unmarshal([]byte(text), &inJSON); err != nil || inJSON != n {
				t.Errorf("%q is %v, and %v in JSON: %v", text, n, inJSON, err)
			}
		}
		if n, ok := ParseInteger(text); ok && strconv.FormatInt(int64(n), 10) != text {
			t.Errorf("the integer %q is %v", text, n)
		}
	})
}
