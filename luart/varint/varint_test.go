package varint

import (
	"math"
	"testing"
)

func TestReader(t *testing.T) {
	data := AppendText(AppendCount(AppendInt(AppendInt([]byte{7}, math.MinInt64), 300), 3), "text")
	r := NewReader(data)
	if b, x, y, n, text := r.Byte(), r.Int(), r.Int(), r.Count(), r.Text(); b != 7 || x != math.MinInt64 || y != 300 || n != 3 || string(text) != "text" || !r.AtEnd() {
		t.Error(b, x, y, n, string(text), r.Failed())
	}
	if r.Byte() != 0 || !r.Failed() || r.AtEnd() {
		t.Error("it reads on behind the end")
	}
	for _, wrong := range [][]byte{nil, {0x80}, {5, 'a'}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}} {
		if r := NewReader(wrong); r.Text() != nil && !r.Failed() || r.AtEnd() {
			t.Errorf("%x is a text", wrong)
		}
		if r := NewReader(wrong); len(wrong) != 2 && (r.Int() != 0 || !r.Failed()) {
			t.Errorf("%x is a number", wrong)
		}
	}
}

// FuzzReader: whatever the data is, nothing is read that is not in it.
func FuzzReader(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(data)
		for !r.Failed() && !r.AtEnd() {
			before := len(r.data)
			switch r.Byte() % 3 {
			case 0:
				r.Int()
			case 1:
				if n := r.Count(); n > len(data) {
					t.Fatal(n)
				}
			case 2:
				if len(r.Text()) > before {
					t.Fatal("a text is longer than the data")
				}
			}
			if len(r.data) >= before {
				t.Fatal("nothing was read")
			}
		}
	})
}
