package luart

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// What is removed stays away: net/http would look at the body for a type.
func TestRemovedContentType(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get() return api.raw("<html><script>"):remove_header("content-type") end
		function api.back.get() return api.raw("x"):remove_header("Content-Type"):set_header("Content-Type", "text/x") end
		function api.hook.get() return "<html>" end
		function api.hook.after.x(ctx, res)
			res:remove_header("Content-Type")
			res:set_header("X-Type", tostring(res:header("Content-Type")) .. tostring(res:headers()["content-type"]))
		end
		return api`)
	srv := httptest.NewServer(s)
	defer srv.Close()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for path, want := range map[string]string{"/": "", "/back": "text/x", "/hook": ""} {
			res := send(t, srv, method, path)
			if got := res.Header.Get("Content-Type"); got != want {
				t.Errorf("%s %s: the type is %q, want %q", method, path, got, want)
			}
			if got := res.Header.Get("X-Type"); path == "/hook" && got != "nilnil" {
				t.Errorf("the script sees the types %s", got)
			}
		}
	}
}

// What is removed stays away also where somebody before the script has set it, as Caddy does with Server.
func TestRemovedHeaderOfOthers(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get() return api.text("x"):remove_header("Server") end
		function api.hook.get() return "x" end
		function api.hook.after.x(ctx, res)
			res:remove_header("server")
		end
		function api.failed.get() error { status = 409 } end
		function api.failed.after.x(ctx, res) res:remove_header("Server") end
		function api.pieces.get() return api.stream(200, "text/plain", function() end):remove_header("Server") end
		function api.back.get() return api.text("x"):remove_header("Server"):set_header("Server", "mine") end
		return api`)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "Caddy")
		s.ServeHTTP(w, r)
	}))
	defer srv.Close()
	for path, want := range map[string][]string{"/": nil, "/hook": nil, "/failed": nil, "/pieces": nil, "/back": {"mine"}} {
		if got := send(t, srv, http.MethodGet, path).Header["Server"]; !slices.Equal(got, want) {
			t.Errorf("%s: Server is %q, want %q", path, got, want)
		}
	}
}

// 205 says that there is nothing: neither a body nor one of unknown length.
func TestResetContent(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.built.get() return api.text:status(205, "body") end
		function api.returned.get() return { a = 1 }, 205 end
		function api.raised.get() return "x" end
		function api.raised.after.x(ctx, res) res.status = 205 end
		function api.long.get() return ("x"):rep(1e5), 205 end
		function api.next.get(ctx) local res = ctx:next() res.status = 205 return res end
		return api`)
	srv := httptest.NewServer(s)
	defer srv.Close()
	for _, path := range []string{"/built", "/returned", "/raised", "/long", "/next"} {
		res := send(t, srv, http.MethodGet, path)
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 205 || len(body) > 0 || res.ContentLength != 0 {
			t.Errorf("%s: %s, length %d, body %q, %v", path, res.Status, res.ContentLength, body, err)
		}
	}
}

func send(t *testing.T, srv *httptest.Server, method, path string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}
