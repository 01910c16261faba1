package reqbody

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// All that reads a body as something refuses what a server may decode first.
func TestMediaTypeIsReadInOneWay(t *testing.T) {
	kinds := map[string]func(http.Header) error{
		"application/json": CheckJSON,
		typeForm:           func(h http.Header) error { _, err := CheckForm(h); return err },
		typeMultipart + "; boundary=x": func(h http.Header) error {
			_, err := MultipartBoundary(h)
			return err
		},
	}
	for kind, check := range kinds {
		for _, tt := range []struct {
			params  string
			codings []string
			types   int
			want    string
		}{
			{"", nil, 1, ""},
			{"; charset=UTF-8", []string{"identity"}, 1, ""},
			{"; charset=\"us-ascii\"", []string{"", "Identity"}, 1, ""},
			{"", []string{"gzip"}, 1, `415 Content-Encoding "gzip"`},
			{"", []string{"X-GZIP"}, 1, `415 Content-Encoding "X-GZIP"`},
			{"", []string{"identity", "br"}, 1, `415 Content-Encoding "br"`},
			{"", []string{"identity, deflate"}, 1, `415 Content-Encoding "identity, deflate"`},
			{"", []string{"gzip,gzip"}, 1, `415 Content-Encoding "gzip,gzip"`},
			{"", []string{"aws-chunked"}, 1, `415 Content-Encoding "aws-chunked"`},
			{"; charset=ibm037", nil, 1, `415 the charset "ibm037"`},
			{"; charset=utf-16le", nil, 1, `415 the charset "utf-16le"`},
			{"; charset=utf-7", nil, 1, `415 the charset "utf-7"`},
			{"; charset=iso-8859-1", nil, 1, `415 the charset "iso-8859-1"`},
			{"; charset=utf-8; charset=utf-16", nil, 1, "415 Content-Type"},
			{"; charset*=utf-16''x", nil, 1, "415 Content-Type"},
			{"; charset*0=utf-16", nil, 1, "415 Content-Type"},
			{", text/plain", nil, 1, "415 Content-Type"},
			{"", nil, 2, "400 more than one Content-Type"},
		} {
			h := http.Header{"Content-Encoding": tt.codings}
			for range tt.types {
				h.Add("Content-Type", kind+tt.params)
			}
			got := ""
			if err := check(h); err != nil {
				bad := mustBe(t, err)
				got = fmt.Sprint(bad.Status, " ", strings.TrimPrefix(bad.Text, "request body: "))
			}
			if !strings.HasPrefix(got, tt.want) || (got == "") != (tt.want == "") {
				t.Errorf("%s%s, %d times, %q: got %q, want %q", kind, tt.params, tt.types, tt.codings, got, tt.want)
			}
		}
	}
}

func TestCheckForm(t *testing.T) {
	for said, want := range map[string]string{
		"":                                  "pairs",
		"application/x-www-form-urlencoded": "pairs",
		"Application/X-WWW-Form-Urlencoded;charset=utf-8": "pairs",
		"multipart/form-data; boundary=x":                 "parts",
		"text/plain":                                      `request body: "text/plain" is not a form`,
		"application/json":                                `request body: "application/json" is not a form`,
		"multipart/mixed; boundary=x":                     `request body: "multipart/mixed; boundary=x" is not a form`,
	} {
		inParts, err := CheckForm(http.Header{"Content-Type": {said}})
		got := map[bool]string{false: "pairs", true: "parts"}[inParts]
		if err != nil {
			got = mustBe(t, err).Text
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", said, got, want)
		}
	}
}

func TestCheckCharset(t *testing.T) {
	for charset, want := range map[string]bool{"UTF-8": true, "us-ascii": true, "utf-7": false, "ibm037": false, "": false} {
		if err := CheckCharset(url.Values{"_charset_": {"utf-8", charset}}); (err == nil) != want {
			t.Errorf("%q: %v", charset, err)
		}
	}
	if err := CheckCharset(url.Values{"charset": {"utf-7"}}); err != nil {
		t.Error(err)
	}
}
