package session

import (
	"bytes"
	"crypto/rand"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/sealed"
)

func record(values map[string][]byte) Record {
	return Record{Created: time.UnixMilli(1_790_000_000_123), Touched: time.UnixMilli(1_790_000_100_456), Values: values}
}

func same(a, b Record) bool {
	return a.Created.Equal(b.Created) && a.Touched.Equal(b.Touched) && maps.EqualFunc(a.Values, b.Values, bytes.Equal)
}

func TestRecord(t *testing.T) {
	for _, r := range []Record{
		record(nil),
		record(map[string][]byte{"": nil, "a": []byte("1"), "b\x00": bytes.Repeat([]byte("x"), 16000)}),
		{Created: time.UnixMilli(-5), Touched: time.UnixMilli(0)},
	} {
		data := r.Append(nil)
		got, err := Parse(data)
		if err != nil || !same(got, r) {
			t.Errorf("%v %v", got, err)
		}
		if len(data) > r.Size() {
			t.Errorf("%d bytes, and its size is %d", len(data), r.Size())
		}
		for i := range data {
			if _, err := Parse(data[:i]); err == nil {
				t.Fatalf("%d of %d bytes are a record", i, len(data))
			}
		}
		if _, err := Parse(append(data, 0)); err == nil {
			t.Error("a byte more is a record")
		}
	}
}

// FuzzParse gives Parse anything: it must not panic, and what it takes is what Append writes.
func FuzzParse(f *testing.F) {
	f.Add(record(map[string][]byte{"a": []byte("1"), "b": []byte("2")}).Append(nil))
	f.Add([]byte{format, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			return
		}
		if again, err := Parse(r.Append(nil)); err != nil && r.Size() <= MaxBytes || err == nil && !same(again, r) {
			t.Errorf("%v is %v, %v", r, again, err)
		}
	})
}

func TestMerge(t *testing.T) {
	mine := record(map[string][]byte{"set": []byte("mine"), "both": []byte("mine"), "read": []byte("old")})
	theirs := record(map[string][]byte{"both": []byte("theirs"), "read": []byte("new"), "gone": []byte("x"), "more": []byte("y")})
	merged := theirs.Merge(mine, map[string]bool{"set": true, "both": true, "gone": true})
	want := record(map[string][]byte{"set": []byte("mine"), "both": []byte("mine"), "read": []byte("new"), "more": []byte("y")})
	if !same(merged, want) {
		t.Error(merged)
	}
	if len(theirs.Values) != 4 {
		t.Error("Merge has changed what it was called on")
	}
}

func TestID(t *testing.T) {
	a, b := NewID(rand.Reader), NewID(rand.Reader)
	if a == b || len(a) != 43 || !IsID(a) {
		t.Error(a, b)
	}
	if Key(a) == Key(b) || strings.Contains(Key(a), a) || len(Key(a)) != 43 {
		t.Error(Key(a))
	}
	// The last of 43 characters has two bits that count for nothing: they must be 0.
	for _, id := range []string{"", a[1:], a + "A", a[:42] + "=", a[:42] + "B", a[:42] + "\n", strings.Repeat("A", 44)} {
		if IsID(id) {
			t.Errorf("%q is an id", id)
		}
	}
}

func TestToken(t *testing.T) {
	a, b := NewID(rand.Reader), NewID(rand.Reader)
	token := Token(a, rand.Reader)
	if !IsToken(a, token) || IsToken(b, token) || token == Token(a, rand.Reader) {
		t.Error(token)
	}
	for i := range token {
		for _, c := range "Aa0_" {
			if changed := token[:i] + string(c) + token[i+1:]; changed != token && IsToken(a, changed) {
				t.Errorf("with %q at %d it is a token", c, i)
			}
		}
	}
	for _, wrong := range []string{"", token[1:], token + "A", strings.Repeat("A", len(token)), a} {
		if IsToken(a, wrong) {
			t.Errorf("%q is a token", wrong)
		}
	}
}

func TestSealer(t *testing.T) {
	key := func(c string) string { return strings.Repeat(c, sealed.MinKeyBytes) }
	sealer := func(context string, keys ...string) *Sealer {
		s, err := NewSealer(func() []string { return keys }, context)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	id, r := NewID(rand.Reader), record(map[string][]byte{"user": []byte("ann")})
	cookie := sealer("c", key("a")).Seal(id, r, rand.Reader)
	for _, c := range []struct {
		s       *Sealer
		ok, old bool
	}{
		{sealer("c", key("a")), true, false},
		{sealer("c", key("b"), key("a")), true, true},
		{sealer("c", key("b")), false, false},
		{sealer("d", key("a")), false, false},
	} {
		gotID, got, old, err := c.s.Open(cookie)
		if (err == nil) != c.ok || old != c.old || c.ok && (gotID != id || !same(got, r)) {
			t.Error(gotID, got, old, err)
		}
	}
	for _, wrong := range []string{"", "A", cookie[1:], cookie[:len(cookie)-1], cookie + "A", cookie + "=", strings.Repeat("A", 100)} {
		if _, _, _, err := sealer("c", key("a")).Open(wrong); err == nil {
			t.Errorf("%q is open", wrong)
		}
	}
	for _, room := range []int{10, 500, 4000} {
		n := Room(room)
		if got := sealed.Length(idBytes + n); n > 0 && got > room {
			t.Errorf("%d bytes make %d, more than %d", n, got, room)
		}
	}
	for _, keys := range [][]string{nil, {"short"}, {key("a"), key("a")[1:]}, make([]string, sealed.MaxKeys+1)} {
		if _, err := NewSealer(func() []string { return keys }, ""); err == nil || strings.Contains(err.Error(), "aaa") {
			t.Error(keys, err)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	s, err := NewSealer(func() []string { return []string{strings.Repeat("k", 32)} }, "c")
	if err != nil {
		b.Fatal(err)
	}
	id, r := NewID(rand.Reader), record(map[string][]byte{"user": []byte("ann"), "role": []byte("admin")})
	cookie := s.Seal(id, r, rand.Reader)
	b.Run("Seal", func(b *testing.B) {
		for b.Loop() {
			s.Seal(id, r, rand.Reader)
		}
	})
	b.Run("Open", func(b *testing.B) {
		for b.Loop() {
			_, _, _, _ = s.Open(cookie)
		}
	})
}
