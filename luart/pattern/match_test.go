package pattern

import (
	"strings"
	"testing"
)

// findCases are in the order of C Lua's pm.lua; what they want is what lua5.1 answers. A wanted
// string is the start and the end, from 0, and the captures; "no match"; or an error.
var findCases = []struct {
	pattern, s string
	from       int
	want       string
}{
	{"", "", 0, "0 0 []"},
	{"", "alo", 0, "0 0 []"},
	{"", "alo", 3, "3 3 []"},
	{"^$", "", 0, "0 0 []"},
	{"a\x00a", "a\x00a\x00a\x00\x00ab", 0, "0 3 []"},
	{"\x00ab", "a\x00a\x00a\x00\x00ab", 1, "6 9 []"},
	{"%z+", "a\x00a\x00a\x00\x00ab", 4, "5 7 []"},
	{"%Z", "\x00\x00b", 0, "2 3 []"},
	{"aaab", "aaab", 0, "0 4 []"},
	{"a*", "aaabab", 0, "0 3 []"},
	{"^.*b", "aaab", 0, "0 4 []"},
	{"^.*$", "aaa", 0, "0 3 []"},
	{"b*", "aaa", 0, "0 0 []"},
	{"ab*a", "aaa", 0, "0 2 []"},
	{"aba", "aba", 0, "0 3 []"},
	{"a+", "aaab", 0, "0 3 []"},
	{"^.+$", "aaab", 0, "0 4 []"},
	{"b+", "aaa", 0, "no match"},
	{"ab+a", "aaa", 0, "no match"},
	{"a$", "aba$", 0, "no match"},
	{"a%$", "aba$", 0, "2 4 []"},
	{"$", "a$a", 0, "3 3 []"},
	{"$*", "$$a", 0, "0 2 []"},
	{"a$b", "a$b", 0, "0 3 []"},
	{"a-", "aaab", 0, "0 0 []"},
	{"^a-$", "aaa", 0, "0 3 []"},
	{"a-b", "aaab", 0, "0 4 []"},
	{".-b", "aaab", 0, "0 4 []"},
	{"a?", "aaab", 0, "0 1 []"},
	{"^a?b?c?$", "ac", 0, "0 2 []"},
	{"a?a?a?b", "aab", 0, "0 3 []"},
	{"^%a*", "THE (quick) fox", 0, "0 3 []"},
	{"%((%a+)%)", "THE (quick) fox", 0, "4 11 [[5 10]]"},
	{"[^%sa-z]+", "abc DEF1 g", 0, "4 8 []"},
	{"[a%-z]+", "x-az", 0, "1 4 []"},
	{"[%a-z]+", "b-", 0, "0 2 []"},
	{"[a-%z]", "%az", 0, "2 3 []"},
	{"[+--]+", "a+,-.", 0, "1 4 []"},
	{"[a-z-9]+", "m-95", 0, "0 3 []"},
	{"[]]+", "a]]", 0, "1 3 []"},
	{"[^]]+", "]a]", 0, "1 2 []"},
	{"[]-a]+", "`]b", 0, "0 2 []"},
	{"[^%-]+", "-a-", 0, "1 2 []"},
	{"[-a]+", "b-a", 0, "1 3 []"},
	{"[a-]+", "b-a", 0, "1 3 []"},
	{"[%]]+", "]]", 0, "0 2 []"},
	{"[z-a]", "m", 0, "no match"},
	{"[\x80-\xff]+", "a\xe4\xf6b", 0, "1 3 []"},
	{"%x+%X", "beefG", 0, "0 5 []"},
	{"%p+%c%u%l%w%d", "!?\nAa_", 0, "no match"},
	{"%p+%c%u%l%w%d", "!?\nAaz9", 0, "0 7 []"},
	{"%y%B", "yB", 0, "0 2 []"},
	{"()", "alo", 2, "2 2 [[2 -1]]"},
	{"a()b()", "xab", 0, "1 3 [[2 -1] [3 -1]]"},
	{"((.)(.))", "ab", 0, "0 2 [[0 2] [0 1] [1 2]]"},
	{"(a*(.)%w(%s*))", "aaabb  ", 0, "0 7 [[0 7] [3 4] [5 7]]"},
	{"(.)%1", "abccd", 0, "2 4 [[2 3]]"},
	{"(['\"])(.-)%1", `say "it's"`, 0, "4 10 [[4 5] [5 9]]"},
	{"^(=*)[^=]*%1$", "==a==", 0, "0 5 [[0 2]]"},
	{"()%1", "aa", 0, "no match"},
	{"%b()", "x(a(b)c)d)", 0, "1 8 []"},
	{"%b()", "((a)", 0, "1 4 []"},
	{"%b''", "a'b'c'", 0, "1 4 []"},
	{"%b()", "((((", 0, "no match"},
	{"%f[%a]%a+%f[%A]", "a1 THE", 1, "3 6 []"},
	{"%f[%z]", "abc", 0, "3 3 []"},
	{"%f[a]a", "aab", 1, "no match"},
	{"*a", "b*a", 0, "1 3 []"},
	{"^*a", "*a", 0, "0 2 []"},
	{"a**", "aa*", 0, "0 3 []"},
	{"(a)*", "a*", 0, "0 2 [[0 1]]"},
	{"a^", "a^", 0, "0 2 []"},
	{"]]", "a]]", 0, "1 3 []"},
	{"^a", "ba", 1, "1 2 []"},
	{"^a", "ba", 0, "no match"},
	{"(^a)", "^a", 0, "0 2 [[0 2]]"},

	{"a%", "a", 0, "malformed pattern (ends with '%')"},
	{"[a", "a", 0, "malformed pattern (missing ']')"},
	{"[]", "a", 0, "malformed pattern (missing ']')"},
	{"[^]", "a", 0, "malformed pattern (missing ']')"},
	{"[a%]", "a", 0, "malformed pattern (missing ']')"},
	{"[a%", "a", 0, "malformed pattern (missing ']')"},
	{"[", "a", 0, "malformed pattern (missing ']')"},
	{"%b", "a", 0, "malformed pattern (missing arguments to '%b')"},
	{"%ba", "a", 0, "malformed pattern (missing arguments to '%b')"},
	{"%f", "a", 0, "malformed pattern (missing '[' after '%f')"},
	{"%fa", "a", 0, "malformed pattern (missing '[' after '%f')"},
	{"%f[a", "a", 0, "malformed pattern (missing ']')"},
	{"(", "a", 0, "malformed pattern (unfinished capture)"},
	{"(()", "a", 0, "malformed pattern (unfinished capture)"},
	{"a)", "a", 0, "malformed pattern (invalid pattern capture: no '(' before ')')"},
	{"%1", "a", 0, "malformed pattern (invalid capture index %1)"},
	{"(a)%0", "a", 0, "malformed pattern (invalid capture index %0)"},
	{"(a%1)", "aa", 0, "malformed pattern (invalid capture index %1)"},
	{"(a)%2", "aa", 0, "malformed pattern (invalid capture index %2)"},
}

func TestFind(t *testing.T) {
	for _, c := range findCases {
		got, err, _ := ours(c.pattern, c.s, c.from)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q on %q from %d: %s, want %s", c.pattern, c.s, c.from, got, c.want)
		}
	}
}

func TestLimits(t *testing.T) {
	if _, err := Compile(strings.Repeat("a", MaxBytes)); err != nil {
		t.Error(err)
	}
	if _, err := Compile(strings.Repeat("a", MaxBytes+1)); err == nil || err.Error() != "pattern too long: 16385 bytes, the limit is 16384" {
		t.Error(err)
	}
	if p, err := Compile(strings.Repeat("(a)", MaxCaptures)); err != nil || p.captures != MaxCaptures {
		t.Error(err)
	}
	if _, err := Compile(strings.Repeat("()", MaxCaptures+1)); err == nil || err.Error() != "too many captures: the limit is 32" {
		t.Error(err)
	}
}

// endless are patterns and subjects for which no matcher of this kind finds an answer in a lifetime, or within burst.
var endless = []struct{ pattern, s string }{
	{strings.Repeat("a*", 30) + "b", strings.Repeat("a", 40)},
	{strings.Repeat("a-", 30) + "b", strings.Repeat("a", 40)},
	{strings.Repeat("a?", 40) + strings.Repeat("a", 41), strings.Repeat("a", 40)},
	{strings.Repeat(".-", 8) + "x", strings.Repeat("a", 1<<16)},
	{"%s*$", strings.Repeat(" ", 1<<20) + "x"},
	{"(.-)(.-)%1%2%1x", strings.Repeat("a", 1<<12)},
	{"%b()", strings.Repeat("(", 1<<20)},
	{"(a+)%1b", strings.Repeat("a", 1<<16)},
	{"[ab]-%f[c]c", strings.Repeat("ab", 1<<18)},
	{"()[^x]*y", strings.Repeat("a", 1<<20)},
}

// However long a match takes, it asks whether to go on, and stops when told to; memory does not grow meanwhile.
func TestStop(t *testing.T) {
	for _, c := range endless {
		p, err := Compile(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		var m Match
		asked := 0
		if found, err := p.Find(c.s, 0, &m, func() bool { asked++; return asked == 200 }); found || err != ErrStopped {
			t.Errorf("%.20q: %v, %v", c.pattern, found, err)
		}
		asked = 0
		allocs := testing.AllocsPerRun(1, func() {
			_, _ = p.Find(c.s, 0, &m, func() bool { asked++; return asked%200 == 0 })
		})
		if allocs != 0 {
			t.Errorf("%.20q: %v allocations", c.pattern, allocs)
		}
	}
}

// The steps of many short matches count, too: gsub on a long string makes millions of them.
func TestStopAcrossMatches(t *testing.T) {
	p, err := Compile("")
	if err != nil {
		t.Fatal(err)
	}
	s := strings.Repeat("a", 4*stepsPerAsk)
	asked := 0
	for at := range len(s) {
		var m Match
		if _, err := p.Find(s, at, &m, func() bool { asked++; return false }); err != nil {
			t.Fatal(err)
		}
	}
	if asked < 3 {
		t.Errorf("asked %d times", asked)
	}
}

func TestFindDoesNotAllocate(t *testing.T) {
	p, err := Compile("(%w+)%s*=%s*(%w+)")
	if err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(100, func() {
		var m Match
		if found, err := p.Find("  key = value", 0, &m, nil); !found || err != nil || m.N != 2 {
			t.Fatal(found, err, m.N)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
