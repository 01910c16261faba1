package luart

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/proxy"
)

func TestOpensTunnel(t *testing.T) {
	for _, c := range []struct {
		socket bool
		status int
		header http.Header
		want   bool
	}{
		{false, 101, nil, true},
		{false, 101, http.Header{"Content-Length": {"3"}}, true},
		{false, 200, nil, false},
		{true, 200, nil, true},
		{true, 204, http.Header{"Content-Length": {"0"}, "Via": {"1.1 other"}}, true},
		{true, 200, http.Header{"Content-Length": {"3"}}, false},
		{true, 200, http.Header{"Content-Type": {"text/plain"}}, false},
		{true, 200, http.Header{"Via": {"1.1 Caddy"}}, false},
		{true, 302, nil, false},
		{true, 403, nil, false},
	} {
		if got := opensTunnel(c.socket, c.status, c.header); got != c.want {
			t.Errorf("WebSocket %v, %d %v: %v", c.socket, c.status, c.header, got)
		}
	}
}

// A handler that takes the connection over and writes its head itself is asked about before
// it has it.
func TestHandlerHijacks(t *testing.T) {
	const script = `
		local api = rover.server {}
		function api.seen.after.x(ctx, res) if res.status ~= 101 or res:body():len() > 0 then error("seen") end end
		function api.refused.after.x(ctx, res) res.status = 403 end
		function api.next.any(ctx) return ctx:next() end
		function api.dropped.any(ctx) ctx:next() return api:error(403, "no") end
		return api`
	for _, source := range []string{script, strings.Replace(script, "or res:body():len() > 0", "", 1)} {
		s := newServer(t, source)
		s.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nX-Mine: yes\r\n\r\ntunnel")
			_ = conn.Close()
		})
		web := httptest.NewServer(s)
		for path, want := range map[string]string{
			"/seen":    "101 yes tunnel",
			"/next":    "101 yes tunnel",
			"/refused": "403  ",
			"/dropped": `403  {"error":"no"}`,
		} {
			if got := upgrade(t, web.Listener.Addr().String(), path); got != want {
				t.Errorf("%s: got %q, want %q", path, got, want)
			}
		}
		web.Close()
	}
}

// upgrade asks for one and returns all that comes until the connection is closed.
func upgrade(t *testing.T, address, path string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: mine\r\n\r\n", path)
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := io.Reader(br)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		body = io.MultiReader(resp.Body, br)
	}
	rest, err := io.ReadAll(body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%d %s %s", resp.StatusCode, resp.Header.Get("X-Mine"), rest)
}

// An error of a handler behind keeps its status for a hook that reads bodies, and so do the
// responses that can have none; json ends the hook there.
func TestAbsentBody(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.txt.after.x(ctx, res)
			res:set_header("X-Len", tostring(res:body():len()) .. res:body():text())
			res:replace("a", "b")
			local n = res:body():len()
		end
		function api.jsn.after.x(ctx, res)
			res:set_header("X-Len", "0")
			res:set_body(rover.json.encode(res:body():json()))
			error("not reached")
		end
		function api.caught.after.x(ctx, res)
			local ok, err = pcall(function() return res:body():json() end)
			res:set_header("X-Len", ok and "" or #res:body():text() .. "")
		end
		function api.next.any(ctx)
			local res = ctx:next()
			return res:set_header("X-Len", res:body():len())
		end
		function api.nextjson.any(ctx) local res = ctx:next() return { res:body():json() } end
		return api`)
	status := 0
	s.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	for _, status = range []int{204, 205, 304} {
		for _, path := range []string{"/txt", "/jsn", "/caught", "/next"} {
			w := s.do("GET "+path, "")
			if w.Code != status || w.Header().Get("X-Len") != "0" || w.Body.Len() > 0 {
				t.Errorf("%s: %d %v %q, want %d", path, w.Code, w.Header(), w.Body, status)
			}
		}
		if got := answer(s.do("GET /nextjson", "")); !strings.Contains(got, "there is none") {
			t.Errorf("got %q", got)
		}
	}
	s.proxied = func(*proxy.To, http.ResponseWriter, *http.Request) error { return errors.New("down") }
	if err := s.load(`
		local api = rover.server {}
		function api.txt.any(ctx) return ctx:proxy("a:1") end
		function api.jsn.any(ctx) return ctx:proxy("a:1") end
		function api.txt.after.x(ctx, res)
			if res.error ~= "down" then error("no error") end
			return res:set_header("X-Len", res:body():len())
		end
		function api.jsn.after.x(ctx, res) res:set_body(rover.json.encode(res:body():json())) end
		return api`); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/txt", "/jsn"} {
		if got := answer(s.do("GET "+path, "")); got != "502 down\n" {
			t.Errorf("%s: got %q", path, got)
		}
	}
}
