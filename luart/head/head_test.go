package head

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The head is changed once, when it leaves by whatever way: not by what is only informational.
func TestWriter(t *testing.T) {
	for name, send := range map[string]func(w http.ResponseWriter){
		"a status":         func(w http.ResponseWriter) { w.WriteHeader(404) },
		"an empty answer":  func(w http.ResponseWriter) { w.WriteHeader(204) },
		"not modified":     func(w http.ResponseWriter) { w.WriteHeader(304) },
		"a body":           func(w http.ResponseWriter) { _, _ = io.WriteString(w, "x") },
		"a copy":           func(w http.ResponseWriter) { _, _ = io.Copy(w, strings.NewReader("x")) },
		"a flush":          func(w http.ResponseWriter) { w.(http.Flusher).Flush() },
		"a controller":     func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
		"two heads":        func(w http.ResponseWriter) { w.WriteHeader(200); w.WriteHeader(500) },
		"hints beforehand": func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(200) },
	} {
		recorder := httptest.NewRecorder()
		n := 0
		send(&Writer{ResponseWriter: recorder, Last: func(h http.Header) { n++; h.Set("X-Last", "1") }})
		if got := recorder.Result().Header.Get("X-Last"); n != 1 || name != "hints beforehand" && got != "1" {
			t.Errorf("%s: changed %d times, %q", name, n, got)
		}
	}
	for _, status := range []int{100, 103, 101} {
		w := &Writer{ResponseWriter: httptest.NewRecorder(), Last: func(http.Header) { t.Errorf("%d: it is changed", status) }}
		w.WriteHeader(status)
	}
}

func TestSecurity(t *testing.T) {
	s := NewSecurity()
	for _, c := range []struct {
		name, value string
		came        bool
		want        string
	}{
		{"X-Frame-Options", "", false, "DENY"},
		{"X-Frame-Options", "SAMEORIGIN", false, "SAMEORIGIN"},
		{"X-Frame-Options", "ALLOWALL", false, "DENY"},
		{"X-Frame-Options", "ALLOWALL", true, "ALLOWALL"}, // the service's business
		{"X-Content-Type-Options", "sniff", false, "nosniff"},
		{"X-Content-Type-Options", "NoSniff", false, "NoSniff"},
		{"Referrer-Policy", "unsafe-url", false, "strict-origin-when-cross-origin"},
		{"Referrer-Policy", "no-referrer", false, "no-referrer"},
		{"Referrer-Policy", "no-referrer, unsafe-url", false, "strict-origin-when-cross-origin"},
	} {
		h := http.Header{}
		if c.value != "" {
			h[c.name] = []string{c.value}
		}
		var came Values
		if c.came {
			came = ValuesOf(h.Clone())
		}
		s.Set(h, Values{}, came)
		if got := h.Get(c.name); got != c.want || len(h) != 3 {
			t.Errorf("%+v: got %v", c, h)
		}
	}
	h := http.Header{"X-Frame-Options": {"DENY", "SAMEORIGIN"}}
	if s.Set(h); len(h["X-Frame-Options"]) != 1 {
		t.Errorf("got %v", h)
	}
}

func TestSecurityUse(t *testing.T) {
	s := NewSecurity()
	for _, c := range [][3]string{
		{"x-frame-options", "SAMEORIGIN", ""},
		{"Referrer-Policy", "unsafe-url", `Referrer-Policy: "unsafe-url" is less safe than strict-origin-when-cross-origin: set allow_insecure_security_header_overrides = true if it is meant`},
		{"X-Frame-Options", "", `X-Frame-Options: "" is less safe than DENY: set allow_insecure_security_header_overrides = true if it is meant`},
		{"X-Powered-By", "x", `"X-Powered-By" is none of its headers: there are X-Content-Type-Options, X-Frame-Options, Referrer-Policy; others are for an after hook`},
	} {
		err := s.Use(c[0], c[1])
		if (err == nil) != (c[2] == "") || err != nil && err.Error() != c[2] {
			t.Errorf("%s: got %v, want %s", c[0], err, c[2])
		}
	}
	s.Insecure = true
	if err := s.Use("X-Frame-Options", ""); err != nil {
		t.Error(err)
	}
	h := http.Header{"Referrer-Policy": {"unsafe-url"}}
	s.Set(h)
	if len(h) != 2 || h.Get("Referrer-Policy") != "unsafe-url" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %v", h)
	}
}
