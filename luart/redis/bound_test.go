package redis

import (
	"strings"
	"testing"
)

// What is too large is not read on from where its length is said, however the bytes come.
func TestReplies(t *testing.T) {
	const limit = 100
	for _, c := range []struct{ good, bad, why string }{
		{good: "+OK\r\n:1\r\n$-1\r\n*-1\r\n_\r\n#t\r\n,1.5\r\n(123\r\n-ERR x\r\n"},
		{good: strings.Repeat("$3\r\nabc\r\n*2\r\n:1\r\n$1\r\n\n\r\n", 100)},
		{good: "%1\r\n+a\r\n*1\r\n:2\r\n~1\r\n:1\r\n>1\r\n+x\r\n=7\r\ntxt:abc\r\n!3\r\nERR\r\n*0\r\n$0\r\n\r\n"},
		{good: "$80\r\n" + strings.Repeat("x", 80) + "\r\n"},
		{good: "$81\r", bad: "\n", why: "an answer is larger than 100 bytes, the limit"},
		{good: "$2147483647\r", bad: "\n", why: "an answer is larger than 100 bytes, the limit"},
		{good: "*6\r", bad: "\n:1\r\n", why: "an answer is larger than 100 bytes, the limit"},
		{good: "%3\r", bad: "\n", why: "an answer is larger than 100 bytes, the limit"},
		{good: "*2\r\n*3\r", bad: "\n:1\r\n", why: "an answer is larger than 100 bytes, the limit"},
		{good: "+" + strings.Repeat("x", 99), bad: "x\r\n", why: "an answer is larger than 100 bytes, the limit"},
		{good: "$9999999999\r", bad: "\n", why: "an answer of the server has no length"},
		{good: "$-2\r", bad: "\n", why: "an answer of the server has no length"},
		{good: "$?\r", bad: "\n", why: "an answer of the server has no length"},
		{good: "$1", bad: "\n", why: "an answer of the server has no length"},
		{good: "HTTP/1.1 400 Bad Request\r", bad: "\n", why: "the server does not speak the protocol of Redis"},
		{good: "", bad: "\n", why: "the server does not speak the protocol of Redis"},
	} {
		for _, step := range []int{1, 2, 7, 1 << 20} {
			r := replies{max: limit}
			all, n, why := c.good+c.bad, 0, ""
			for n < len(all) && why == "" {
				got, err := r.read([]byte(all[n:min(len(all), n+step)]))
				n += got
				if err != nil {
					why = err.Error()
				}
			}
			if n != len(c.good) || why != c.why {
				t.Errorf("%.40q by %d: %d bytes are read and %q, want %d and %q", all, step, n, why, len(c.good), c.why)
			}
			if why == "" && (r.left != 0 || r.used != 0 || r.skip != 0) {
				t.Errorf("%.40q by %d: %+v at the end", all, step, r)
			}
		}
	}
}

// Whatever a server sends, it is read alike in one piece and in many.
func FuzzReplies(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nabc\r\n:1\r\n+OK\r\n"), byte(3))
	f.Add([]byte("%1\r\n+a\r\n$300\r\n"), byte(1))
	f.Fuzz(func(t *testing.T, data []byte, step byte) {
		whole, parts := replies{max: 200}, replies{max: 200}
		n, err := whole.read(data)
		m := 0
		var late error
		for m < len(data) && late == nil {
			var got int
			got, late = parts.read(data[m:min(len(data), m+max(1, int(step)))])
			m += got
		}
		if n != m || (err == nil) != (late == nil) || whole.used > 200 {
			t.Fatalf("%q: %d %v in one, %d %v in many", data, n, err, m, late)
		}
	})
}
