package upstream

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/internal/caddyenv"
)

func TestDynamicUpstreams(t *testing.T) {
	serveSRV(t, map[string][]uint16{"_two._tcp.test.": {1001, 1002}, "_empty._tcp.test.": {}})
	for _, tt := range []struct {
		set, fallback []string
		dials, scheme string
		err           string
	}{
		{set: []string{"a", "b:81"}, dials: "a:80 b:81"},
		{set: []string{"https://b", "https://a:1"}, dials: "b:443 a:1", scheme: "https"},
		{set: []string{"http://a"}, dials: "a:80", scheme: "http"},
		{set: []string{"unix//run/a.sock", "a"}, dials: "unix//run/a.sock a:80"},
		{set: []string{"http://a", "srv+http://_two._tcp.test."}, dials: "a:80 local.test.:1001 local.test.:1002", scheme: "http"},
		{fallback: []string{"f", "g"}, dials: "f:80 g:80"},
		{fallback: []string{"https://f"}, dials: "f:443", scheme: "https"},
		{set: []string{"a"}, fallback: []string{"https://f"}, dials: "a:80"},
		{err: "no script has called ctx:upstream for this request"},
		{set: []string{"a", "srv+http://_empty._tcp.test."}, err: "one scheme"},
		{set: []string{"srv+http://_empty._tcp.test."}, err: "looking up SRV _empty._tcp.test.: "},
	} {
		u := &Upstreams{Fallback: tt.fallback}
		if err := u.Provision(testContext(t)); err != nil {
			t.Fatal(err)
		}
		r := caddyenv.Prepare(httptest.NewRequest("GET", "/", nil), nil)
		if tt.set != nil {
			caddyhttp.SetVar(r.Context(), chosenVar, tt.set)
		}
		for range 2 { // a second try
			pool, err := u.GetUpstreams(r)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v: error %v, want %s", tt, err, tt.err)
				}
				continue
			}
			var dials []string
			for _, p := range pool {
				dials = append(dials, p.Dial)
			}
			if got := strings.Join(dials, " "); err != nil || got != tt.dials || r.URL.Scheme != tt.scheme {
				t.Errorf("%v: %q, scheme %q, %v", tt, got, r.URL.Scheme, err)
			}
		}
	}
	for _, fallback := range [][]string{{"http://a", "b"}, {"a b"}, {""}} {
		if err := (&Upstreams{Fallback: fallback}).Provision(testContext(t)); err == nil || !strings.HasPrefix(err.Error(), "fallback: ") {
			t.Errorf("%q: error %v", fallback, err)
		}
	}
}
