package bodyfilter

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// replaceAll runs a Replacer over a body cut by split.
func replaceAll(t testing.TB, p *Pattern, body, replacement string, o ReplaceOptions, split func(left int) int) (string, error) {
	t.Helper()
	var out []byte
	r, err := NewReplacer(p, replacement, o, func(b []byte) error {
		if len(b) == 0 {
			t.Error("the sink was given nothing")
		}
		out = append(out, b...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for rest := []byte(body); len(rest) > 0; {
		n := split(len(rest))
		piece := bytes.Clone(rest[:n])
		_, err := r.Write(piece)
		clear(piece) // the caller's again
		if err != nil {
			if again := r.Close(); !errors.Is(again, err) {
				t.Errorf("Close after the error %v returns %v", err, again)
			}
			return string(out), err
		}
		rest = rest[n:]
	}
	err = r.Close()
	return string(out), err
}

func mustRegexp(t testing.TB, expr string) *Pattern {
	t.Helper()
	p, err := NewRegexp(regexp.MustCompile(expr))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustPlain(t testing.TB, text string) *Pattern {
	t.Helper()
	p, err := NewPlain(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func small(left int) int { return 1 + rand.IntN(min(left, 7)) }

var everySplit = map[string]func(int) int{"whole": whole, "oneByte": oneByte, "small": small}

// exprs are expressions with everything that depends on what stands around a match, on priority or on the width of characters.
var exprs = []string{
	`a`, `ab`, `a|ab`, `ab|a`, `a*`, `a+`, `a*?`, `a+?`, `(a|ab)(c|bcd)`, `(a*)(b*)`, `(a*)+`, `(|a)*`, `(|a)+`, `x*`, `.`, `.*`, `.+?b`, `(?s).`,
	`(?s).*b`, `(?s)a.*?b`, `[^a]`, `[^a]*b`, `\ba`, `a\b`, `\b`, `\B`, `\bab\b`, `^`, `$`, `^a`, `a$`, `^$`, `^a*$`, `(?m)^`, `(?m)$`, `(?m)^a`,
	`(?m)a$`, `(?m)^.*$`, `(?m)^\s*\n`, `\Aa`, `a\z`, `(?i)k`, `(?i)AB`, `(?i)straße`, `é`, `é+`, `[é-ü]`, `\pL+`, `\x{fffd}`, `[[:^ascii:]]`, `aab`,
	`abab`, `(ab)*c`, `(a)|(b)`, `((a)|b)*`, `a{2,3}`, `a{2,3}?`, `a(b(c)?)?`, `\d+`, `\w+\s`, `</body>`, `(?i)</BODY\s*>`, `<[^>]*>`, `"[^"]*"`, `$^`, `a^`,
	`(?:)`, `[^\x00-\x{10FFFF}]`, `\n`, `a\nb`, `(?s:.)\b`, `^x|a`, `(^|b)a`, `a($|b)`, `(a*)b|a`,
}

var texts = []string{
	"", "a", "b", "aa", "aaa", "ab", "abab", "aabaab", "abcd", "xay", "a b ab", "ab\nab\n\na", "\n", "\n\n", "aé", "éa", "ééa", "üa é K k \u212a ſ",
	"\xff", "a\xffb", "\xc3", "a\xc3", "\xe2\x82", "\xe2\x82a", "\xe2\x82\xac", "\xc3\xa9\xc3", "\xef\xbf\xbd\xff", "STRASSE straße STRAßE",
	`<p class="a">text</p></body></html>`, "</BODY  >", "12 ab 3", "a\r\nb", "aaab aab ab b", "caabbaac", "bbbb", "abc abcd", strings.Repeat("ab aab ", 30),
}

var templates = []string{"", "-", "[$0]", "<${1}$2>", "$$", "a"}

// Within the window the result is that of regexp, for every expression, text and cut.
func TestReplacerAgreesWithRegexp(t *testing.T) {
	for _, expr := range exprs {
		p := mustRegexp(t, expr)
		re := regexp.MustCompile(expr)
		for _, text := range texts {
			for _, template := range templates {
				want := re.ReplaceAllString(text, template)
				for name, split := range everySplit {
					got, err := replaceAll(t, p, text, template, ReplaceOptions{}, split)
					if err != nil || got != want {
						t.Errorf("%q in %q by %q, split %s: %q, want %q, error %v", expr, text, template, name, got, want, err)
					}
				}
			}
			want := re.ReplaceAllLiteralString(text, "$0")
			if got, err := replaceAll(t, p, text, "$0", ReplaceOptions{Literal: true}, small); err != nil || got != want {
				t.Errorf("%q in %q, literal: %q, want %q, error %v", expr, text, got, want, err)
			}
		}
	}
}

func TestPlainReplacerAgreesWithStrings(t *testing.T) {
	for _, text := range append(texts, "aabaaabaabaaab", "aaaaaaaa", "abababab", "ababcababd") {
		for _, plain := range []string{"a", "aa", "ab", "aab", "aabaaab", "abab", "ababd", "\xff", "\xc3\xa9", "é", "\n", "b a", ".", "$", "aaaaaaaaaaaa"} {
			for _, limit := range []int{0, 1, 2} {
				n := limit
				if n == 0 {
					n = -1
				}
				want := strings.Replace(text, plain, "<$0>", n)
				for name, split := range everySplit {
					got, err := replaceAll(t, mustPlain(t, plain), text, "<$0>", ReplaceOptions{Limit: limit}, split)
					if err != nil || got != want {
						t.Errorf("%q in %q, limit %d, split %s: %q, want %q, error %v", plain, text, limit, name, got, want, err)
					}
				}
			}
		}
	}
}

// A window has effect where attempts are longer than it, and then the same for every cut.
func TestReplacerWindow(t *testing.T) {
	for _, c := range []struct {
		expr, text string
		window     int
		want       string
	}{
		{`a+`, "aaa", 3, "_"},
		{`a{4}`, "aaaa", 3, "aaaa"},
		{`<.*?>`, "<123> <1234> <12>", 5, "_ <1234> _"},
		{`a.*b|c`, "a12c45678b", 4, "a12_45678b"}, // the attempt at a is given up, then c is the first
		{`a.*b|c`, "a12c45678b", 10, "_"},         // nothing is given up
		{`a[^b]*b`, "a12a4b", 4, "a12a4b"},        // the attempt at the later a has come to the same point
		{`a[^b]*b`, "a12345ab", 4, "a12345_"},     // the last one begins when the first is given up
		{`a+`, "aaaaaaa", 3, "___"},               // pieces that fit
		{`(?s).*`, "aaaaaaa", 3, "___"},           // as above; the empty match at the end follows a match
		{`^.*$`, "12345", 4, "12345"},
		{`é+`, "éééé", 4, "__"}, // bytes, not characters
	} {
		for name, split := range everySplit {
			got, err := replaceAll(t, mustRegexp(t, c.expr), c.text, "_", ReplaceOptions{Window: c.window}, split)
			if err != nil || got != c.want {
				t.Errorf("%q in %q, window %d, split %s: %q, want %q, error %v", c.expr, c.text, c.window, name, got, c.want, err)
			}
		}
	}
}

func TestReplacerLimit(t *testing.T) {
	for limit, want := range map[int]string{0: "__ _", 1: "_a a", 2: "__ a", 3: "__ _", 4: "__ _"} {
		for name, split := range everySplit {
			if got, err := replaceAll(t, mustRegexp(t, `a`), "aa a", "_", ReplaceOptions{Limit: limit}, split); err != nil || got != want {
				t.Errorf("limit %d, split %s: %q, want %q, error %v", limit, name, got, want, err)
			}
		}
	}
}

// What cannot be part of a match any more is not held back.
func TestReplacerHandsOutWhatIsDecided(t *testing.T) {
	for _, c := range []struct {
		p                *Pattern
		in, want, atLast string
	}{
		{mustPlain(t, "</body>"), "text</b", "text", "</b"},
		{mustPlain(t, "</body>"), "text</body>", "text_", ""},
		{mustRegexp(t, `</body>`), "text</b", "text", "</b"},
		{mustRegexp(t, `</body>`), "text</body>", "text", "_"}, // empty-width operators see the next character, so it is waited for
		{mustRegexp(t, `\d+`), "a 12 b", "a _ b", ""},
		{mustRegexp(t, `\d+`), "a 12", "a ", "_"},
		{mustRegexp(t, `^x`), "yx", "yx", ""},
	} {
		var out string
		r, err := NewReplacer(c.p, "_", ReplaceOptions{}, func(b []byte) error { out += string(b); return nil })
		if err != nil {
			t.Fatal(err)
		}
		if r.Write([]byte(c.in)); out != c.want {
			t.Errorf("%q: came out %q, want %q", c.in, out, c.want)
		}
		out = ""
		if err := r.Close(); err != nil || out != c.atLast {
			t.Errorf("%q: came out at last %q, want %q, error %v", c.in, out, c.atLast, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.Write([]byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
	}
}

func TestReplacerReturnsTheSinksError(t *testing.T) {
	mine := errors.New("the client has left")
	for _, p := range []*Pattern{mustPlain(t, "a"), mustRegexp(t, "a")} {
		calls := 0
		r, _ := NewReplacer(p, "b", ReplaceOptions{}, func([]byte) error { calls++; return mine })
		_, err := r.Write(bytes.Repeat([]byte("xa"), 100_000))
		if !errors.Is(err, mine) || !errors.Is(r.Close(), mine) || calls != 1 {
			t.Errorf("%v after %d calls", err, calls)
		}
	}
}

func TestNewReplacerRefuses(t *testing.T) {
	if _, err := NewPlain(""); err == nil {
		t.Error("empty text")
	}
	for _, c := range []struct {
		o    ReplaceOptions
		want string
	}{
		{ReplaceOptions{Window: -1}, "window of at least 1 byte expected, got -1"},
		{ReplaceOptions{Limit: -1}, "limit of at least 0 replacements expected, got -1"},
		{ReplaceOptions{Window: 2}, "the pattern has 3 bytes, more than the window of 2"},
	} {
		if _, err := NewReplacer(mustPlain(t, "abc"), "", c.o, nil); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

// An attempt at each byte that looks a window ahead would be quadratic.
func TestReplacerRefusesToGoBackForEver(t *testing.T) {
	text := strings.Repeat("a", 400_000)
	whole, wholeErr := replaceAll(t, mustRegexp(t, `a*b|a`), text, "_", ReplaceOptions{}, whole)
	pieces, piecesErr := replaceAll(t, mustRegexp(t, `a*b|a`), text, "_", ReplaceOptions{}, random)
	if !errors.Is(wholeErr, ErrSlowPattern) || !errors.Is(piecesErr, ErrSlowPattern) {
		t.Errorf("errors %v, %v", wholeErr, piecesErr)
	}
	for _, got := range []string{whole, pieces} { // how much of the output has left by then depends on the pieces
		if got != strings.Repeat("_", len(got)) {
			t.Errorf("%d bytes, with others than replacements", len(got))
		}
	}
	if got, err := replaceAll(t, mustRegexp(t, `a*b|a`), text, "_", ReplaceOptions{Window: 10}, random); err != nil || len(got) != len(text) {
		t.Errorf("%d bytes with a small window, error %v", len(got), err)
	}
}

// steps counts what the machine does: twice the text, twice the steps, also for what makes a search that begins anew at each byte quadratic.
func TestReplacerIsLinear(t *testing.T) {
	for _, expr := range []string{`a*b`, `(a*)*b`, `(?s)a.*b`, `(a|aa)+b`, `(?m)^.*x$`, `a`} {
		steps := func(size int) uint64 {
			r, _ := NewReplacer(mustRegexp(t, expr), "_", ReplaceOptions{}, func([]byte) error { return nil })
			r.Write(bytes.Repeat([]byte("a"), size))
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			return r.engine.(*regexpReplacer).step
		}
		if one, two := steps(150_000), steps(300_000); two > 2*one+one/10 || one > 2*150_000+1 {
			t.Errorf("%s: %d steps for 150,000 bytes, %d for 300,000", expr, one, two)
		}
	}
}

// 64 MiB go through in no more memory than the window and buffers, also if an attempt is always under way.
func TestReplacerMemoryIsBounded(t *testing.T) {
	chunk := bytes.Repeat([]byte("some text without end, "), 1500)
	for _, p := range []*Pattern{mustPlain(t, "text without an end"), mustRegexp(t, `<!--.*?-->`), mustRegexp(t, `(?s)some.*never`)} {
		size := 64 << 20
		if p.re != nil && p.re.String() == `(?s)some.*never` {
			size = 4 << 20 // it looks at each byte
		}
		got := 0
		r, _ := NewReplacer(p, "_", ReplaceOptions{}, func(b []byte) error { got += len(b); return nil })
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		want := 0
		for want < size {
			r.Write(chunk)
			want += len(chunk)
		}
		if err := r.Close(); err != nil || got != want {
			t.Fatalf("%d of %d bytes, error %v", got, want, err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 { // that of all buffers a growing one has been
			t.Errorf("allocated %d KiB", n>>10)
		}
		if e, ok := r.engine.(*regexpReplacer); ok && cap(e.buf) > 2*DefaultWindow+64<<10 {
			t.Errorf("the buffer has %d KiB", cap(e.buf)>>10)
		}
	}
}

// FuzzReplaceSplit: however a body is cut, the result is the same; within the window it is that of regexp.
func FuzzReplaceSplit(f *testing.F) {
	for i, expr := range exprs {
		f.Add(expr, texts[i%len(texts)], templates[i%len(templates)], uint16(i%9), uint8(i%4), uint64(i))
	}
	f.Fuzz(func(t *testing.T, expr, text, template string, window uint16, limit uint8, seed uint64) {
		if len(expr) > 100 || len(text) > 5000 || len(template) > 20 {
			return
		}
		re, err := regexp.Compile(expr)
		if err != nil {
			return
		}
		p, err := NewRegexp(re)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.prog.Inst) > 500 {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 0))
		cuts := func(left int) int { return 1 + rng.IntN(min(left, 10)) }
		o := ReplaceOptions{Window: int(window) + 1, Limit: int(limit)}
		want, err := replaceAll(t, p, text, template, o, whole)
		if err != nil {
			t.Fatal(err)
		}
		for _, split := range []func(int) int{oneByte, cuts} {
			if got, err := replaceAll(t, p, text, template, o, split); err != nil || got != want {
				t.Fatalf("%q in %q: %q, in pieces %q, error %v", expr, text, want, got, err)
			}
		}
		if o.Window < len(text) {
			return
		}
		if all := re.ReplaceAllString(text, template); o.Limit == 0 && want != all {
			t.Fatalf("%q in %q: %q, regexp %q", expr, text, want, all)
		}
		if expr != "" {
			plain, err := replaceAll(t, mustPlain(t, expr), text, template, ReplaceOptions{}, cuts)
			if all := strings.ReplaceAll(text, expr, template); err != nil || plain != all {
				t.Fatalf("plain %q in %q: %q, want %q, error %v", expr, text, plain, all, err)
			}
		}
	})
}

// BenchmarkReplacer replaces in 1 MiB of HTML that comes in pieces of 32 KiB.
func BenchmarkReplacer(b *testing.B) {
	var body bytes.Buffer
	for i := 0; body.Len() < 1<<20; i++ {
		fmt.Fprintf(&body, "<tr class=\"row-%d\"><td>%x</td><td>item %d</td></tr>\n", i%7, i*7919, i)
	}
	text := body.Bytes()[:1<<20]
	for _, c := range []struct {
		name string
		p    *Pattern
	}{
		{"plain-rare", mustPlain(b, "</body>")},
		{"plain-often", mustPlain(b, "item")},
		{"regexp-rare", mustRegexp(b, `</body\s*>`)},
		{"regexp-often", mustRegexp(b, `item (\d+)`)},
		{"regexp-class", mustRegexp(b, `[0-9]{3,}`)},
		{"regexp-fold", mustRegexp(b, `(?i)</body>`)},
		{"regexp-every", mustRegexp(b, `(?m)^.*xyz$`)},
	} {
		b.Run("case="+c.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r, _ := NewReplacer(c.p, "entry $1", ReplaceOptions{}, func([]byte) error { return nil })
				for rest := text; len(rest) > 0; {
					k := min(32<<10, len(rest))
					r.Write(rest[:k])
					rest = rest[k:]
				}
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
