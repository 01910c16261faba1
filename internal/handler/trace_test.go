package handler

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/caddy-rover/rover/internal/caddyenv"
)

func TestWantsTrace(t *testing.T) {
	const key = "0123456789abcdef"
	now := time.Now()
	sign := func(key, method, host, uri string, until time.Time) string {
		return SignTrace(key, method, host, uri, until)
	}
	good := sign(key, "GET", "a.example", "/x?y=1", now.Add(time.Minute))
	for _, c := range []struct {
		name, header string
		want         bool
	}{
		{"good", good, true},
		{"none", "", false},
		{"nonsense", "x", false},
		{"without a signature", strings.Split(good, ":")[0], false},
		{"later than it was signed for", strings.Replace(good, ":", "0:", 1), false},
		{"another key", sign("another key 1234", "GET", "a.example", "/x?y=1", now.Add(time.Minute)), false},
		{"another method", sign(key, "POST", "a.example", "/x?y=1", now.Add(time.Minute)), false},
		{"another host", sign(key, "GET", "b.example", "/x?y=1", now.Add(time.Minute)), false},
		{"another query", sign(key, "GET", "a.example", "/x?y=2", now.Add(time.Minute)), false},
		{"too late", sign(key, "GET", "a.example", "/x?y=1", now.Add(-time.Second)), false},
		{"valid for too long", sign(key, "GET", "a.example", "/x?y=1", now.Add(maxExplain+time.Minute)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://a.example/x?y=1", nil)
			r.RequestURI = "/x?y=1"
			r.Header.Set(TraceHeader, c.header)
			h := &Handler{explainKey: key}
			r = caddyenv.Prepare(r, httptest.NewRecorder())
			if got := h.wantsTrace(r); got != c.want {
				t.Errorf("%v for %q", got, c.header)
			}
			if left := r.Header.Get(TraceHeader); c.want && left != "" {
				t.Errorf("the upstream gets %q", left)
			}
			if got := h.wantsTrace(r); got != c.want { // a directive behind
				t.Errorf("the second time: %v", got)
			}
		})
	}
}

// A trace fits into a header, and is JSON whatever is in it.
func TestTraceHeader(t *testing.T) {
	want := Trace{VM: "vm\r\n\x00", Steps: []TraceStep{{What: "ünï\x7f🎉", Result: "\xff"}}}
	header := want.header()
	var got Trace
	if err := json.Unmarshal([]byte(header), &got); err != nil {
		t.Fatal(err, header)
	}
	if got.VM != want.VM || got.Steps[0].What != want.Steps[0].What || got.Steps[0].Result != string(utf8.RuneError) {
		t.Errorf("%q became %+v", header, got)
	}
	for _, b := range []byte(header) {
		if b < ' ' || b > '~' {
			t.Fatalf("byte %#x in %q", b, header)
		}
	}
	for range 100 {
		want.Steps = append(want.Steps, TraceStep{What: strings.Repeat("é", 100)})
	}
	header = want.header()
	got = Trace{}
	if err := json.Unmarshal([]byte(header), &got); err != nil {
		t.Fatal(err, header)
	}
	if len(header) > maxTraceHeader || !got.Truncated || len(got.Steps) == 0 {
		t.Errorf("%d bytes, %d steps, truncated %v", len(header), len(got.Steps), got.Truncated)
	}
}
