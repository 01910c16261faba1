package luart

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
)

// A header of which a request has one is not the first of several: the upstream may take
// another one.
func TestSingleHeaders(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.one.get(ctx) return ctx:header(ctx:query().name) or "none" end
		function api.all.get(ctx) return ctx:headers()[ctx:query().name] or "none" end
		function api.unread.get(ctx) return api.pass() end
		function api.form.post(ctx) return ctx:body():form().a end
		return api`)
	for _, name := range []string{"Authorization", "proxy-authorization", "content-type", "Origin", "referer"} {
		for _, path := range []string{"/one", "/all"} {
			s.expect("GET "+path+"?name="+name, "200 a", name+": a")
			s.expect("GET "+path+"?name="+name, fmt.Sprintf(`400 {"error":"2 %s headers: a request has one"}`, http.CanonicalHeaderKey(name)), name+": a", name+": b")
		}
		s.expect("GET /unread", "200 GET /unread ", name+": a", name+": b")
	}
	for _, path := range []string{"/one", "/all"} {
		s.expect("GET "+path+"?name=x-list", "200 a", "X-List: a", "X-List: b")
		s.expect("GET "+path+"?name=cookie", "200 a=1; admin=1", "Cookie: a=1", "Cookie: admin=1")
	}
}

// What the script sets reaches the next handler, whatever the client's Connection says, and
// what the client hides from the upstream is hidden from the script.
func TestClientTakesNoHeaderAway(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.ident.before.x(ctx)
			local seen = ctx:header("x-user") or ctx:cookie("user") or "nobody"
			ctx:set_header("X-User", "alice"):add_header("X-Seen", seen)
		end
		return api`)
	var seen http.Header
	s.next = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header })
	connection := []string{"Connection: close, x-user", "Connection: X-Seen,Cookie", "X-User: mallory", "Cookie: user=mallory", "X-Seen: mallory"}
	s.do("GET /ident", "", connection...)
	want := http.Header{"X-User": {"alice"}, "X-Seen": {"nobody"}}
	if !maps.EqualFunc(seen, want, slices.Equal) {
		t.Errorf("the upstream gets %q, want %q", seen, want)
	}
	s.do("GET /other", "", connection...) // which the script has nothing to do with
	if len(seen) != 4 || len(seen["Connection"]) != 2 {
		t.Errorf("the request was touched: %q", seen)
	}
}

// A request id that came twice is judged by nobody: both are replaced.
func TestRequestIDIsOne(t *testing.T) {
	s := newServer(t, `local api = rover.server {} function api.get(ctx) return ctx:request_id() end return api`)
	r := newRequest("/")
	r.Header["X-Request-Id"] = []string{"fine", "a b"}
	if got := s.send(r); len(got) != len("200 ")+36 || !slices.Equal(r.Header["X-Request-Id"], []string{got[4:]}) {
		t.Errorf("%s, the upstream gets %q", got, r.Header["X-Request-Id"])
	}
}

// The peer of a unix socket has no address.
func TestNoClientAddress(t *testing.T) {
	s := newServer(t, `local api = rover.server {}
		function api.get(ctx) return type(ctx.client_ip) .. type(ctx.remote_addr) .. type(ctx.direct_remote_addr) end return api`)
	r := newRequest("/")
	r.RemoteAddr = "@"
	if got := s.send(r); got != "200 nilnilnil" {
		t.Error(got)
	}
}

// A header that goes on is checked in the same way wherever it comes from.
func TestRequestHeadersAreChecked(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local hosts = { "a\tb", "a\127", "h\195\164", "a/b", "a b", "" }
		function api.get(ctx)
			local n = 0
			local function refused(f, ...) if not pcall(f, ...) then n = n + 1 end end
			for _, host in ipairs(hosts) do
				refused(ctx.set_host, ctx, host)
				refused(ctx.set_header, ctx, "Host", host)
				refused(api.proxy, "a", { host = host })
				refused(api.proxy, "a", { headers = { Host = host } })
				refused(ctx.mirror, ctx, "a", { host = host })
			end
			refused(api.proxy, "a", { headers = { Host = { "a", "b" } } })
			for _, name in ipairs { "Content-Length", "transfer-encoding", "Connection", "Upgrade", "TE", "Trailer", "Keep-Alive" } do
				refused(api.proxy, "a", { headers = { [name] = "1" } })
			end
			refused(api.raw, "x", "a\127b")
			refused(api.stream, 200, "a\127b", print)
			return n .. " of " .. #hosts * 5 + 10
		end
		return api`)
	s.expect("GET /", "200 40 of 40")
}

// What said something of the body that was there does not stay for another one.
func TestSetBodyDropsDigests(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.post(ctx) ctx:set_body("new") return api.pass() end
		return api`)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Content-Length", "Content-Type", "Content-Encoding", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Want-Digest"} {
			if v := r.Header.Get(name); v != "" {
				fmt.Fprintf(w, "%s: %s\n", name, v)
			}
		}
	})
	got := answer(s.do("POST /", "old", "Content-Type: text/plain", "Content-Encoding: br", "Content-MD5: a", "Digest: b", "Content-Digest: c", "Repr-Digest: d", "Want-Digest: e"))
	if got != "200 Content-Length: 3\nContent-Type: text/plain\nWant-Digest: e\n" {
		t.Error(got)
	}
}

// Caddy sets X-Forwarded-For itself: the log says so, once.
func TestForwardedHeaderWarns(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get(ctx)
			ctx:set_header("X-Real-IP", "10.0.0.1"):set_header("x-forwarded-for", "10.0.0.1"):add_header("X-Forwarded-Proto", "https")
			return api.pass()
		end
		return api`)
	s.expect("GET /", "200 GET / ")
	warned := s.logged("reverse_proxy sets this header itself, and drops what the script has put there")
	if len(warned) != 1 || warned[0].ContextMap()["header"] != "X-Forwarded-For" || warned[0].ContextMap()["at"] != "app.lua:4" {
		t.Errorf("logged %v", warned)
	}
}
