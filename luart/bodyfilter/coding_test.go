package bodyfilter

import (
	"net/http"
	"slices"
	"testing"
)

func TestContentEncodingJoinsFields(t *testing.T) {
	h := http.Header{"Content-Encoding": {"gzip", "br"}}
	if got := ContentEncoding(h); got != "gzip, br" {
		t.Errorf("%q", got)
	}
	if got := ContentEncoding(http.Header{}); got != "" {
		t.Errorf("%q", got)
	}
}

func TestNarrowAcceptEncoding(t *testing.T) {
	for _, c := range []struct {
		name     string
		in, want []string
	}{
		{"Chromium", []string{"gzip, deflate, br, zstd"}, []string{"gzip, deflate, br, zstd"}},
		{"dictionaries", []string{"gzip, deflate, br, zstd, dcb, dcz"}, []string{"gzip, deflate, br, zstd"}},
		{"absent", nil, nil},
		{"empty", []string{""}, []string{""}},
		{"unknown only", []string{"compress, exi;q=0.5"}, []string{"identity"}},
		{"weights and order", []string{"exi, br;q=0.2 ,gzip ; q=1.0"}, []string{"br;q=0.2, gzip ; q=1.0"}},
		{"several fields", []string{"exi;q=1", "gzip;q=0.5"}, []string{"gzip;q=0.5"}},
		{"upper case", []string{"GZip, X-GZIP"}, []string{"GZip, X-GZIP"}},
		{"any", []string{"*"}, []string{"gzip, br, zstd, deflate"}},
		{"any other", []string{"br;q=1.0, *;q=0.5"}, []string{"br;q=1.0, gzip;q=0.5, zstd;q=0.5, deflate;q=0.5"}},
		{"any but gzip", []string{"x-gzip;q=0, *"}, []string{"x-gzip;q=0, br, zstd, deflate"}},
		{"no other", []string{"gzip, *;q=0"}, []string{"gzip, *;q=0"}},
		{"no other, long", []string{"exi, * ; Q=0.000"}, []string{"* ; Q=0.000"}},
		{"identity refused", []string{"identity;q=0, br"}, []string{"identity;q=0, br"}},
	} {
		h := http.Header{}
		if c.in != nil {
			h["Accept-Encoding"] = c.in
		}
		NarrowAcceptEncoding(h)
		if got := h["Accept-Encoding"]; !slices.Equal(got, c.want) {
			t.Errorf("%s: %q becomes %q, want %q", c.name, c.in, got, c.want)
		}
	}
}
