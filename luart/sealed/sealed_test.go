package sealed

import (
	"crypto/rand"
	"strings"
	"testing"
)

func key(c string) string { return strings.Repeat(c, MinKeyBytes) }

func box(t testing.TB, purpose, context string, keys ...string) *Box {
	b, err := New(keys, purpose, context)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBox(t *testing.T) {
	token := box(t, "p", "c", key("a")).Seal([]byte("text"), rand.Reader)
	for name, c := range map[string]struct {
		b       *Box
		ok, old bool
	}{
		"the key":                     {box(t, "p", "c", key("a")), true, false},
		"a new key before it":         {box(t, "p", "c", key("b"), key("a")), true, true},
		"another behind it":           {box(t, "p", "c", key("a"), key("b")), true, false},
		"another key":                 {box(t, "p", "c", key("b")), false, false},
		"another context":             {box(t, "p", "d", key("a")), false, false},
		"no context":                  {box(t, "p", "", key("a")), false, false},
		"another purpose":             {box(t, "q", "c", key("a")), false, false},
		"purpose and context as one":  {box(t, "pc", "", key("a")), false, false},
		"a key that is longer by one": {box(t, "p", "c", key("a")+"a"), false, false},
	} {
		plain, old, err := c.b.Open(token)
		if (err == nil) != c.ok || old != c.old || c.ok && string(plain) != "text" {
			t.Errorf("%s: %q, %v, %v", name, plain, old, err)
		}
	}
	b := box(t, "p", "c", key("a"))
	if b.Seal([]byte("text"), rand.Reader) == token {
		t.Error("it is the same a second time")
	}
	for at := range token {
		for _, c := range "Ab0_" {
			changed := token[:at] + string(c) + token[at+1:]
			if _, _, err := b.Open(changed); err == nil && changed != token {
				t.Errorf("with %q at %d it opens", c, at)
			}
		}
	}
	for _, wrong := range []string{"", "A", token[1:], token[:len(token)-1], token + "A", token + "=", token + "\n", token[:9] + "\n" + token[9:], " " + token} {
		if _, _, err := b.Open(wrong); err == nil {
			t.Errorf("%q opens", wrong)
		}
	}
	for _, n := range []int{0, 1, 2, 3, 4000} {
		if got := len(b.Seal(make([]byte, n), rand.Reader)); got != Length(n) || Room(got) != n {
			t.Errorf("%d bytes make %d, %d are said, and room for %d", n, got, Length(n), Room(got))
		}
	}
	if Room(10) != 0 {
		t.Error("there is room in nothing")
	}
}

func TestNew(t *testing.T) {
	for _, keys := range [][]string{nil, {""}, {"short"}, {key("a"), key("a")[1:]}, make([]string, MaxKeys+1)} {
		if _, err := New(keys, "p", ""); err == nil || strings.Contains(err.Error(), "aaa") || strings.Contains(err.Error(), "short") {
			t.Error(keys, err)
		}
	}
}

// Nothing that a stranger writes opens.
func FuzzOpen(f *testing.F) {
	b, other := box(f, "p", "c", key("a")), box(f, "p", "c", key("b"))
	f.Add("")
	f.Add(other.Seal([]byte("text"), rand.Reader))
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := b.Open(token); err == nil {
			t.Errorf("%q opens", token)
		}
	})
}
