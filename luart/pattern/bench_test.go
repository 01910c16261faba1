package pattern

import (
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/pm"
)

// BenchmarkFind compares Pattern with gopher-lua's package pm: one match, with a compiled pattern
// as luart keeps it (kind=pattern), compiled each time (kind=compile), and pm, which always
// compiles (kind=pm).
func BenchmarkFind(b *testing.B) {
	long := strings.Repeat("lorem ipsum dolor sit amet, ", 400)
	for _, c := range []struct{ name, pattern, s string }{
		{"pair", "^(%w+)%s*=%s*(%w+)$", "key = value"},
		{"bearer", "^Bearer%s+(%S+)$", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abcdefgh"},
		{"literal-long", "consectetur", long + "consectetur"},
		{"class-long", "(%d+)", long + "42"},
		{"lazy-long", "^(.-)%d", long + "42"},
		{"greedy-long", "^(.*)%d", long + "42 "},
	} {
		b.Run("case="+c.name+"/kind=pattern", func(b *testing.B) {
			p, err := Compile(c.pattern)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				var m Match
				if found, _ := p.Find(c.s, 0, &m, nil); !found {
					b.Fatal("no match")
				}
			}
		})
		b.Run("case="+c.name+"/kind=compile", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, _ := Compile(c.pattern)
				var m Match
				if found, _ := p.Find(c.s, 0, &m, nil); !found {
					b.Fatal("no match")
				}
			}
		})
		b.Run("case="+c.name+"/kind=pm", func(b *testing.B) {
			s := []byte(c.s)
			b.ReportAllocs()
			for b.Loop() {
				if found, _ := pm.Find(c.pattern, s, 0, 1); len(found) == 0 {
					b.Fatal("no match")
				}
			}
		})
	}
}

// BenchmarkAll finds all matches of a long string, as gsub does.
func BenchmarkAll(b *testing.B) {
	s := strings.Repeat("lorem ipsum dolor sit amet, ", 400)
	for _, source := range []string{"%w+", "[aeiou]", "(%w+) (%w+)", "ipsum", "%s*,%s*"} {
		b.Run("pattern="+source+"/kind=pattern", func(b *testing.B) {
			b.ReportAllocs()
			p, err := Compile(source)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				var m Match
				n := 0
				for at := 0; at <= len(s); at = max(m.End, m.Start+1) {
					if found, _ := p.Find(s, at, &m, nil); !found {
						break
					}
					n++
				}
				if n < 400 {
					b.Fatal(n)
				}
			}
		})
		b.Run("pattern="+source+"/kind=pm", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if found, _ := pm.Find(source, []byte(s), 0, -1); len(found) < 400 {
					b.Fatal(len(found))
				}
			}
		})
	}
}
