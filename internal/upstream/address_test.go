package upstream

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestParseUpstream(t *testing.T) {
	for address, want := range map[string]upstream{
		"10.0.0.5:80":           {dial: "10.0.0.5:80"},
		"backend":               {dial: "backend:80"},
		"backend:8080":          {dial: "backend:8080"},
		"http://backend":        {dial: "backend:80", scheme: "http"},
		"https://backend":       {dial: "backend:443", scheme: "https"},
		"https://backend:8443":  {dial: "backend:8443", scheme: "https"},
		"[::1]:80":              {dial: "[::1]:80"},
		"[::1]":                 {dial: "[::1]:80"},
		"https://[::1]":         {dial: "[::1]:443", scheme: "https"},
		"unix//run/app.sock":    {dial: "unix//run/app.sock"},
		"unix:81":               {dial: "unix:81"},
		"srv+http://_app._tcp":  {dial: "_app._tcp", scheme: "http", srv: true},
		"srv+https://app.local": {dial: "app.local", scheme: "https", srv: true},
		"HTTPS://backend":       {dial: "backend:443", scheme: "https"},
		"my_app-1.internal.:81": {dial: "my_app-1.internal.:81"},
		"[fe80::1%eth0]:80":     {dial: "[fe80::1%eth0]:80"},
		"http://[fe80::1%25e0]": {dial: "[fe80::1%e0]:80", scheme: "http"},
	} {
		for range 2 { // parsed, and from the cache
			if got, err := parseAddress(address); err != nil || got != want {
				t.Errorf("%q: %+v, %v", address, got, err)
			}
		}
	}
	for address, want := range map[string]string{
		"":                    "is not a host",
		":80":                 "is not a host",
		"a:0":                 "port",
		"a:65536":             "port",
		"a:http":              "port",
		"unix:/run/app.sock":  "a unix socket is unix//absolute/path",
		"unix:///run/a.sock":  "a unix socket is unix//absolute/path",
		"unix/run/app.sock":   "a unix socket is unix//absolute/path",
		"::1":                 "brackets",
		"[x:y]:80":            "IPv6",
		"http://a/path":       "nothing else",
		"http://a?x":          "nothing else",
		"http://u:p@a":        "nothing else",
		"http://a/":           "nothing else",
		"http://a#":           "nothing else",
		"http://a?":           "nothing else",
		"http://@a":           "nothing else",
		"http://":             "is not a host",
		"[a]:80":              "IPv6",
		"[10.0.0.1]:80":       "IPv6",
		"a:80-90":             "port",
		"tcp/a:80":            "is not a host",
		"unix+h2c//a":         "is not a host",
		"fd/3":                "is not a host",
		"a%20b:80":            "is not a host",
		"münchen.example":     "is not a host",
		"srv+http://":         "a name",
		"srv+http://a/b":      "nothing else",
		"unix//a|99":          "permission",
		"h2c://a":             "versions h2c",
		"ftp://a":             "scheme",
		"unix/relative":       "absolute",
		"a b":                 "spaces",
		"a\r\nb":              "control",
		"{http.request.host}": "braces",
		"srv+http://name:80":  "without port",
		"a/b:80":              "is not a host",
		"http://[::1":         "missing ']'",
	} {
		_, err := parseAddress(address)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "invalid upstream") {
			t.Errorf("%q: error %v, want %q", address, err, want)
		}
	}
}

func FuzzParseUpstream(f *testing.F) {
	for _, s := range []string{"a:80", "https://[::1]:443", "unix//a", "srv+http://x", "http://u@h", "[::1", "{x}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseAddress(s)
		if err != nil {
			return
		}
		if u.dial == "" || strings.ContainsAny(u.dial, "\r\n\x00 {}") || strings.ContainsAny(u.scheme, ":/") {
			t.Errorf("%q became %+v", s, u)
		}
		if a, err := caddy.ParseNetworkAddress(u.dial); !u.srv && (err != nil || a.PortRangeSize() != 1) {
			t.Errorf("%q became %q, which Caddy does not dial: %v", s, u.dial, err)
		}
		again, err := parseAddress(s)
		if err != nil || again != u {
			t.Errorf("%q: first %+v, then %+v, %v", s, u, again, err)
		}
	})
}
