package cli

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestUIServer(t *testing.T) {
	var asked []string
	u := &uiServer{host: "127.0.0.1:2778", prefix: "/s3cret", ask: func(method, uri string) (*http.Response, error) {
		asked = append(asked, method+" "+uri)
		if strings.Contains(uri, "id=9") {
			return nil, errors.New("performing request: connection refused")
		}
		if strings.Contains(uri, "id=8") {
			return nil, &adminError{"no call 8", http.StatusNotFound}
		}
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/x"}, "Set-Cookie": {"a=b"}}, Body: io.NopCloser(strings.NewReader("ok"))}, nil
	}}
	for _, c := range []struct {
		name, method, host, path, origin string
		status                           int
		asks                             string
	}{
		{"page", "GET", "127.0.0.1:2778", "/s3cret/rover/ui", "", 200, "GET /rover/ui"},
		{"by name", "GET", "localhost:2778", "/s3cret/rover/live", "", 200, "GET /rover/live"},
		{"kill", "POST", "127.0.0.1:2778", "/s3cret/rover/kill?vm=a&id=1", "http://127.0.0.1:2778", 200, "POST /rover/kill?vm=a&id=1"},
		{"kill of nothing", "POST", "127.0.0.1:2778", "/s3cret/rover/kill?id=8", "http://127.0.0.1:2778", 404, "POST /rover/kill?id=8"},
		{"no admin API", "POST", "127.0.0.1:2778", "/s3cret/rover/kill?id=9", "http://127.0.0.1:2778", 502, "POST /rover/kill?id=9"},
		{"without the secret", "GET", "127.0.0.1:2778", "/rover/ui", "", 404, ""},
		{"another secret", "GET", "127.0.0.1:2778", "/s3cre/rover/ui", "", 404, ""},
		{"another endpoint", "GET", "127.0.0.1:2778", "/s3cret/config/", "", 404, ""},
		{"a way around", "GET", "127.0.0.1:2778", "/s3cret/rover/ui/../../config/", "", 404, ""},
		{"another method", "POST", "127.0.0.1:2778", "/s3cret/rover/live", "http://127.0.0.1:2778", 404, ""},
		{"a rebound name", "GET", "evil.example:2778", "/s3cret/rover/live", "", 403, ""},
		{"another page", "POST", "127.0.0.1:2778", "/s3cret/rover/kill?id=1", "http://evil.example", 403, ""},
		{"a form of nobody's", "POST", "127.0.0.1:2778", "/s3cret/rover/kill?id=1", "", 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked = nil
			r := httptest.NewRequest(c.method, "http://"+c.host+c.path, nil)
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			w := httptest.NewRecorder()
			u.ServeHTTP(w, r)
			if w.Code != c.status || strings.Join(asked, ",") != c.asks {
				t.Errorf("%d, asked %q; want %d, %q", w.Code, asked, c.status, c.asks)
			}
			if w.Header().Get("Set-Cookie") != "" {
				t.Error("a header of the admin API came through")
			}
		})
	}
}
