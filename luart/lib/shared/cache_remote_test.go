package shared

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/store"
)

// Messages of others are bounded while nobody uses the cache, and what is none of them drops everything.
func TestHeard(t *testing.T) {
	s := store.NewMemory(nil, store.Limits{})
	r := newRemoteCache(s, "c")
	defer r.cancel()
	if heard, lost := r.takeHeard(); len(heard) != 0 || !lost { // it begins
		t.Error(heard, lost)
	}
	told, other := r.awaitChange("sk"), r.awaitChange("sother")
	r.tell(t.Context(), changedMessage, 7, "sk")
	if !isClosed(told) || isClosed(other) {
		t.Error("who waits for a key is woken by a message about it")
	}
	if heard, lost := r.takeHeard(); len(heard) != 1 || heard[0] != (change{"sk", 7}) || lost {
		t.Error(heard, lost)
	}
	r.tell(t.Context(), endedMessage, 0, "sother")
	if heard, lost := r.takeHeard(); len(heard) != 0 || lost || !isClosed(other) {
		t.Error(heard, lost)
	}
	for i := range 3 * maxHeard / 2 {
		r.tell(t.Context(), changedMessage, int64(i), fmt.Sprint("s", i))
	}
	if heard, lost := r.takeHeard(); len(heard) > maxHeard || !lost {
		t.Error(len(heard), lost)
	}
	for _, message := range []string{"a", "", "c", "c1234567", "x", "e"} {
		told = r.awaitChange("sk")
		r.hear([]byte(message))
		if heard, lost := r.takeHeard(); len(heard) != 0 || !lost || !isClosed(told) {
			t.Errorf("%q: %v %v", message, heard, lost)
		}
	}
	told = r.awaitChange("sk")
	r.forgetChange("sk", told)
	if r.hear(nil); isClosed(told) || len(r.told) != 0 {
		t.Error("it is not forgotten")
	}
}

// Keys are the same for all, and none is another.
func TestKeyText(t *testing.T) {
	seen := map[string]cacheKey{}
	for _, k := range []cacheKey{
		{text: ""},
		{text: "1"},
		{text: "n1"},
		{text: "s1"},
		{text: "\x00\xff"},
		{numeric: true},
		{number: 1, numeric: true},
		{number: -0.1, numeric: true},
		{number: 1e300, numeric: true},
		{number: 1 << 53, numeric: true},
	} {
		text := k.keyText()
		if other, there := seen[text]; there {
			t.Errorf("%v and %v are both %q", k, other, text)
		}
		seen[text] = k
		if back, ok := parseKey(text); !ok || back != k {
			t.Errorf("%q: %v %v, not %v", text, back, ok, k)
		}
	}
	for _, text := range []string{"", "n", "nx", "x"} {
		if k, ok := parseKey(text); ok {
			t.Errorf("%q is %v", text, k)
		}
	}
}

// What is in the store may be anything.
func FuzzRecord(f *testing.F) {
	for _, r := range [][]byte{nil, {deletedRecord}, {valueRecord}, record(store.Number(7), 0), record(store.Number(7), time.Second), record([]byte(`"x`), time.Hour), record(nil, 0)} {
		f.Add(r)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		value, stale, ok := parseRecord(data)
		if !ok {
			return
		}
		if stale < 0 || stale > maxStale {
			t.Fatal(stale)
		}
		again, same, ok := parseRecord(record(value, stale))
		if !ok || same != stale || !bytes.Equal(again, value) {
			t.Errorf("%q %s is %q %s %v again", value, stale, again, same, ok)
		}
	})
}
