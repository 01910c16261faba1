package persist

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

var header = Header{Format: 1, Sequence: 7, Saved: time.Date(2026, 11, 24, 18, 15, 0, 0, time.UTC), VM: "/srv/app \"x\".lua", Run: "r"}

func snapshot(t testing.TB, h Header, state string) []byte {
	t.Helper()
	data, err := encode(h, []byte(state))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDecode(t *testing.T) {
	for _, state := range []string{"", "x", "a\nb\x00\xff", strings.Repeat("long", 10_000)} {
		data := snapshot(t, header, state)
		h, got, err := decode(data)
		if err != nil || h != header || string(got) != state {
			t.Errorf("%+v, %d bytes, %v", h, len(got), err)
		}
	}
	lines := bytes.SplitN(snapshot(t, header, "state"), []byte("\n"), 3)
	if string(lines[0]) != "rover state" || string(lines[1]) != `{"format":1,"sequence":7,"saved":"2026-11-24T18:15:00Z","vm":"/srv/app \"x\".lua","run":"r"}` {
		t.Errorf("%q", lines[:2])
	}
}

// A snapshot that is cut anywhere, or in which any bit is another, is none.
func TestDecodeDamaged(t *testing.T) {
	data := snapshot(t, header, "the state")
	for n := range data {
		if _, _, err := decode(data[:n]); !errors.Is(err, errMagic) && !errors.Is(err, errChecksum) {
			t.Errorf("%d bytes: error %v", n, err)
		}
		for bit := range 8 {
			changed := bytes.Clone(data)
			changed[n] ^= 1 << bit
			if _, _, err := decode(changed); err == nil {
				t.Errorf("bit %d of byte %d: no error", bit, n)
			}
		}
	}
	if _, _, err := decode(append(data, 0)); !errors.Is(err, errChecksum) {
		t.Errorf("one more byte: error %v", err)
	}
	for _, sequence := range []int64{0, -1, maxSequence + 1} {
		h := header
		h.Sequence = sequence
		if _, _, err := decode(snapshot(t, h, "")); !errors.Is(err, errHeader) {
			t.Errorf("sequence %d: error %v", sequence, err)
		}
	}
	h := header
	h.VM = strings.Repeat("long", maxHeaderBytes)
	if _, _, err := decode(snapshot(t, h, "")); !errors.Is(err, errHeader) {
		t.Errorf("a long header: error %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(magic), true)
	f.Add(snapshot(f, header, "state"), false)
	f.Add([]byte("{}\nstate"), true)
	f.Fuzz(func(t *testing.T, data []byte, sum bool) {
		if sum { // past the checksum, too
			whole := snapshot(t, Header{}, "")
			data = append([]byte(magic), data...)
			data = append(data, whole[len(whole)-32:]...)
			copy(data[len(data)-32:], checksum(data[:len(data)-32]))
		}
		h, state, err := decode(data)
		if err != nil {
			return
		}
		again, err := encode(h, state)
		if err != nil {
			t.Fatal(err)
		}
		if g, got, err := decode(again); err != nil || !g.Saved.Equal(h.Saved) || !bytes.Equal(got, state) {
			t.Errorf("%+v, %q, %v", g, got, err)
		}
	})
}
