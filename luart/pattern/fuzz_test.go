package pattern

import (
	"fmt"
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/pm"
)

// result is what a matcher said, in words.
func result(start, end int, captures [][2]int) string {
	if start < 0 {
		return "no match"
	}
	return fmt.Sprint(start, " ", end, " ", captures)
}

// ours returns what Pattern says. ok is false when it took too many steps.
func ours(source, s string, from int) (said string, err error, ok bool) {
	p, err := Compile(source)
	if err != nil {
		return "", err, true
	}
	var m Match
	asked := 0
	found, stopped := p.Find(s, from, &m, func() bool { asked++; return asked > 20 })
	if stopped != nil {
		return "", nil, false
	}
	if !found {
		return "no match", nil, true
	}
	var captures [][2]int
	for i := range m.N {
		start, end, isPosition := m.Capture(i)
		if isPosition != (end == position) {
			return "a position that is none", nil, true
		}
		captures = append(captures, [2]int{start, end})
	}
	return result(m.Start, m.End, captures), nil, true
}

// referenceSays returns what C Lua says, and its error. ok is false when it took too many steps.
func referenceSays(source, s string, from int) (said string, err error, ok bool) {
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case referenceError:
			err = fmt.Errorf("%s", string(reason))
		case tooLong:
			ok = false
		default:
			panic(reason)
		}
	}()
	r := &reference{src: s, pattern: source}
	start, end, captures := r.find(from)
	return result(start, end, captures), nil, true
}

// pmSays returns what gopher-lua says.
func pmSays(source, s string, from int) (string, error) {
	found, err := pm.Find(source, []byte(s), from, 1)
	if err != nil || len(found) == 0 {
		return "no match", err
	}
	var captures [][2]int
	m := found[0]
	for i := 2; i < m.CaptureLength(); i += 2 {
		if m.IsPosCapture(i) {
			captures = append(captures, [2]int{m.Capture(i) - 1, position})
		} else {
			captures = append(captures, [2]int{m.Capture(i), m.Capture(i + 1)})
		}
	}
	return result(m.Capture(0), m.Capture(1), captures), nil
}

// pmIsWrong says why gopher-lua's answer is no measure for a pattern that compiles, "" when it is
// one.
func pmIsWrong(source string) string {
	for i := 0; i < len(source); i++ {
		switch {
		case source[i] == '%' && i+1 < len(source):
			i++
			switch {
			case source[i] == 'f':
				return "it knows no %f"
			case source[i] == 'b':
				i += 2
			case '1' <= source[i] && source[i] <= '9' && strings.Contains(source, "()"):
				return "it compares back references to position captures"
			}
		case source[i] == '[':
			end := i + 1
			if source[end] == '^' {
				end++
			}
			first := end
			for ; end == first || source[end] != ']'; end++ {
				if source[end] == '%' {
					end++
				}
			}
			// A '-' that is neither the first nor the last byte may be a range for one of us only,
			// unless two plain bytes stand around it.
			for j := first + 1; j < end-1; j++ {
				if source[j] == '-' && strings.ContainsAny(source[max(first, j-2):j]+source[j+1:j+2], "%-") {
					return "it reads ranges another way"
				}
				if source[j] == '-' && j >= first+2 && strings.Contains(source[first:j-1], "-") {
					return "it takes the end of a range for the beginning of another"
				}
			}
			i = end
		}
	}
	return ""
}

// FuzzPattern compares Pattern with C Lua's matcher, whose port is in reference_test.go, and with
// gopher-lua's where that is right. Not compared: what takes very many steps (the others have no
// budget), and mistakes in a pattern, which Pattern finds at once, C only when it gets there, and
// gopher-lua not at all if they are those of doc.go.
func FuzzPattern(f *testing.F) {
	for _, c := range findCases {
		f.Add(c.pattern, c.s, c.from)
	}
	f.Add("(a*(.)%w(%s*))%2-", "  ab 12ab bbaa", 2)
	f.Add("[a-]*[%-x]+[]x-z^]", "--a-x]y^", 0)
	f.Fuzz(func(t *testing.T, source, s string, from int) {
		source, s = source[:min(len(source), 24)], s[:min(len(s), 48)]
		from = min(max(from, 0), len(s))
		got, err, ok := ours(source, s, from)
		if !ok {
			return
		}
		want, wantErr, ok := referenceSays(source, s, from)
		switch {
		case !ok:
			return
		case err != nil:
			// C may have matched, or not, before it came to the mistake. If it came there, it said
			// the same.
			if wantErr != nil && !sameMistake(err.Error(), wantErr.Error()) {
				t.Fatalf("%q: error %q, C Lua says %q", source, err, wantErr)
			}
			return
		case wantErr != nil:
			t.Fatalf("%q on %q: no error, C Lua says %q", source, s, wantErr)
		case got != want:
			t.Fatalf("%q on %q from %d: %s, C Lua says %s", source, s, from, got, want)
		}
		if pmIsWrong(source) != "" {
			return
		}
		want, wantErr = pmSays(source, s, from)
		if wantErr != nil || got != want {
			t.Fatalf("%q on %q from %d: %s, gopher-lua says %s (%v)", source, s, from, got, want, wantErr)
		}
	})
}

// sameMistake says whether C's message is about the same mistake. A pattern may have several: then
// Pattern names the first one, and C the first one that it comes to.
func sameMistake(ours, c string) bool {
	if c == "unbalanced pattern" {
		c = "missing arguments to '%b'"
	}
	if strings.Contains(ours, c) {
		return true
	}
	// An unfinished capture is found at the end, so that any other mistake may hide it, and it any
	// other.
	return c == "unfinished capture" || c == "invalid pattern capture" || strings.Contains(ours, "capture") ||
		strings.Contains(ours, "malformed")
}
