package reqbody

import (
	"net/http"
	"strings"
	"testing"
)

func TestCheckJSON(t *testing.T) {
	for _, tt := range []struct {
		headers string
		want    string // in the error; "": it is JSON
	}{
		{"", ""},
		{"Content-Type:", ""},
		{"Content-Type: application/json", ""},
		{"Sec-Fetch-Site: same-origin|Origin: http://a", ""},
		{"Content-Type: |Sec-Fetch-Site: none", ""},
		{"Content-Type: application/json|Sec-Fetch-Site: cross-site|Origin: http://b", ""},
		{"Sec-Fetch-Site: cross-site", "without a Content-Type"},
		{"Content-Type:|Sec-Fetch-Site: cross-site", "without a Content-Type"},
		{"Sec-Fetch-Site: same-site", "without a Content-Type"},
		{"Sec-Fetch-Site: none|Sec-Fetch-Site: cross-site", "without a Content-Type"},
		{"Origin: http://b", "without a Content-Type"},
		{"Content-Type: Application/JSON ; charset=UTF-8", ""},
		{"Content-Type: application/json;charset=us-ascii", ""},
		{"Content-Type: application/problem+json", ""},
		{"Content-Type: application/json|Content-Encoding: identity", ""},

		{"Content-Type: text/plain", `Content-Type "text/plain" is not JSON`},
		{"Content-Type: application/x-www-form-urlencoded", "is not JSON"},
		{"Content-Type: multipart/form-data; boundary=x", "is not JSON"},
		{"Content-Type: text/json", "is not JSON"},
		{"Content-Type: application/jsonp", "is not JSON"},
		{"Content-Type: application/json-seq", "is not JSON"},
		{"Content-Type: application/x-ndjson", "is not JSON"},
		{"Content-Type: text/plain; x=application/json", "invalid media parameter"},
		{"Content-Type: +json", "is not JSON"},
		{"Content-Type: application/json, text/plain", "unexpected content"},
		{"Content-Type: text/plain,application/json", "unexpected content"},
		{"Content-Type: application/json; =", "invalid media parameter"},
		{"Content-Type: application/json; charset=utf-8; charset=utf-16", "duplicate parameter name"},
		{"Content-Type: /", "no media type"},
		{"Content-Type: application/json|Content-Type: application/json", "more than one Content-Type"},
		{"Content-Type: application/json; charset=utf-16", `the charset "utf-16"`},
		{"Content-Type: application/json; charset*=iso-8859-1''utf-7", "parameters with *"},
		{"Content-Type: application/json; charset*0*=iso-8859-1''utf-7", "parameters with *"},
		{"Content-Type: application/json; x=\"a\\\";*\"; CharSet*0=utf-8", "parameters with *"},
		{"Content-Type: application/json; x=\"; charset*=utf-7\"", ""},
		{"Content-Type: application/json; x=a*b", ""},
		{"Content-Type: application/json; charset=Shift_JIS", `the charset "Shift_JIS"`},
		{"Content-Type: application/json|Content-Encoding: gzip", `Content-Encoding "gzip"`},
		{"Content-Type: application/json; charset=", "invalid media parameter"},
		{"Content-Type: application/json; charset=\"\"", `the charset ""`},
		{"Content-Type: application/json|Content-Encoding: |Content-Encoding: GZIP", `Content-Encoding "GZIP"`},
		{"Content-Encoding: identity|Content-Encoding: br", `Content-Encoding "br"`},
		{"Content-Encoding: identity, br", `Content-Encoding "identity, br"`},
	} {
		h := http.Header{}
		for line := range strings.SplitSeq(tt.headers, "|") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				h.Add(name, strings.TrimSpace(value))
			}
		}
		err := CheckJSON(h)
		if err == nil && tt.want != "" || err != nil && (tt.want == "" || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.headers, err, tt.want)
		}
	}
}
