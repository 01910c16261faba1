package luart

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"
)

func TestCtxReading(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function check(name, got, want) if got ~= want then error(name .. ": got " .. tostring(got) .. ", want " .. tostring(want), 2) end end
		function api.x.p_id.get(ctx)
			check("method", ctx.method, "GET")
			check("path", ctx.path, "/x/a b")
			check("raw_path", ctx.raw_path, "/x/a%20b")
			check("host", ctx.host, "example.com")
			check("scheme", ctx.scheme, "http")
			check("protocol", ctx.protocol, "http")
			check("proto", ctx.proto, "HTTP/1.1")
			check("uri", ctx.uri, "/x/a%20b?q=1&q=2&e&all=x&%00=%FF")
			check("client_ip", ctx.client_ip, "192.0.2.1")
			check("direct", ctx.direct_remote_addr, "192.0.2.1")
			check("tls", ctx.tls, nil)
			check("unknown", ctx.nothing, nil)
			check("header", ctx:header("x-multi"), "one")
			check("no header", ctx:header("x-none"), nil)
			local h = ctx:headers()
			check("headers", h["X-MULTI"], "one")
			check("host header", h.host, "example.com")
			check("all", table.concat(h:all("X-Multi"), ","), "one,two")
			check("all none", #h:all("nope"), 0)
			local n = 0 for k, v in pairs(h) do check("lower", k, k:lower()) n = n + 1 end
			check("iterated", n, 4)
			check("query", ctx:query().q, "1")
			check("query all", table.concat(ctx:query():all("q"), ","), "1,2")
			check("empty", ctx:query().e, "")
			check("nul", ctx:query()["\0"], "\255")
			check("reserved", ctx:query():all("all")[1], "x")
			check("missing", ctx:query().missing, nil)
			check("param", ctx:param("id"), "a b")
			check("cookie", ctx:cookie("a"), "1")
			check("cookies", ctx:cookies().b, "2")
			check("no cookie", ctx:cookie("c"), nil)
			check("get", ctx:get("k"), nil)
			ctx:set("k", { 1 })
			check("set", ctx:get("k")[1], 1)
			check("id", ctx:request_id(), "abc-123")
			ctx:set_var("v", 7)
			check("var", ctx:var("v"), 7)
			check("no var", ctx:var("none"), nil)
			ctx:log_field("field", "value")
			ctx:log("hello", { n = 1, t = { 1, 2 } })
			return "ok"
		end
		return api`)
	for range 2 {
		r := httptest.NewRequest("GET", "/x/a%20b?q=1&q=2&e&all=x&%00=%FF", nil)
		r.Header["X-Multi"] = []string{"one", "two"}
		r.Header.Set("Cookie", "a=1; b=2")
		r.Header.Set("X-Request-Id", "abc-123")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got := answer(w); got != "200 ok" {
			t.Errorf("%s: %v", got, s.logged("script error"))
		}
	}
	if s.fields["field"] != "value" {
		t.Errorf("log field: %v", s.fields)
	}
	if l := s.logged("hello"); len(l) != 2 || l[0].ContextMap()["request_id"] != "abc-123" || l[0].ContextMap()["n"] != int64(1) {
		t.Errorf("log line: %v", l)
	}
}

func TestRequestIDIsSane(t *testing.T) {
	s := newServer(t, `local api = rover.server {} function api.get(ctx) return ctx:request_id() end return api`)
	for _, bad := range []string{"", strings.Repeat("x", 129), "a b", "a\x01", "é"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Request-Id"] = []string{bad}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if id := w.Body.String(); len(id) != 36 || r.Header.Get("X-Request-Id") != id {
			t.Errorf("%q became %q, upstream gets %q", bad, id, r.Header.Get("X-Request-Id"))
		}
	}
}

func TestCtxTLS(t *testing.T) {
	s := newServer(t, `local api = rover.server {}
		function api.get(ctx) return ctx.scheme .. " " .. ctx.tls.version .. " " .. ctx.tls.sni .. " " .. tostring(ctx.tls.client) end return api`)
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, ServerName: "a.example"}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if got := answer(w); got != "200 https TLS 1.3 a.example nil" {
		t.Error(got)
	}
}

func TestCtxTLSClient(t *testing.T) {
	s := newServer(t, `local api = rover.server {}
		function api.get(ctx)
			local c = ctx.tls.client
			return c.subject .. " " .. c.serial .. " " .. #c.fingerprint .. " " .. c.not_before .. " " .. c.not_after .. " " .. tostring(c.is_ca) .. " " .. table.concat(c.san, ",")
		end return api`)
	for _, c := range []struct {
		valid, isCA bool
		want        string
	}{
		{true, true, "true"},
		{true, false, "false"},
		{false, true, "false"}, // it does not say what it may sign
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{
			Subject: pkix.Name{CommonName: "ann"}, SerialNumber: big.NewInt(7), DNSNames: []string{"a.example"},
			EmailAddresses: []string{"ann@example.com"}, NotBefore: time.Unix(100, 0), NotAfter: time.Unix(200, 0),
			BasicConstraintsValid: c.valid, IsCA: c.isCA,
		}}}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got, want := answer(w), "200 CN=ann 7 64 100 200 "+c.want+" a.example,ann@example.com"; got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// A ctx, a body or a res kept after its request raises, and never touches another.
func TestKeptObjectsRaise(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local kept = {}
		function api.keep.post(ctx) kept.ctx = ctx kept.body = ctx:body() return "kept" end
		function api.keep.after.res(ctx, res) kept.res = res end
		local function try(f) local ok, err = pcall(f) return ok and "worked" or err end
		function api.use.get()
			return table.concat({
				try(function() return kept.ctx.path end),
				try(function() return kept.ctx:header("x") end),
				try(function() return kept.body:text() end),
				try(function() return kept.res.status end),
			}, "\n")
		end
		return api`)
	s.do("POST /keep", "body")
	got := answer(s.do("GET /use", ""))
	if strings.Count(got, "over") != 4 || strings.Contains(got, "worked") {
		t.Error(got)
	}
}

func TestCtxChanging(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.rewrite.get(ctx)
			ctx:set_method("post"):rewrite("/new/a%2Fb", "x=1"):set_query("y", { "2", 3 }):set_query("x", nil)
			ctx:set_header("X-One", "1"):add_header("X-One", "2"):remove_header("X-Gone"):set_host("other.example"):set_body("new body")
			return api.pass()
		end
		return api`)
	var seen *http.Request
	next := s.next
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen = r; next.ServeHTTP(w, r) })
	got := answer(s.do("GET /rewrite?old=1", "old body", "X-Gone: x"))
	if got != "200 POST /new/a%2Fb?y=2&y=3 new body" {
		t.Error(got, s.logged("script error"))
	}
	if v := seen.Header["X-One"]; len(v) != 2 || seen.Header.Get("X-Gone") != "" || seen.Host != "other.example" || seen.ContentLength != 8 || seen.Header.Get("Content-Length") != "8" {
		t.Errorf("%v %q %d", seen.Header, seen.Host, seen.ContentLength)
	}
}

func TestInjectionIsRefused(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local bad = {
			function(ctx) ctx:set_header("X-A", "a\r\nX-B: b") end,
			function(ctx) ctx:set_header("X-A", "a\0") end,
			function(ctx) ctx:set_header("X A", "a") end,
			function(ctx) ctx:set_header("X-A\r\nX-B", "a") end,
			function(ctx) ctx:set_header("Content-Length", "5") end,
			function(ctx) ctx:set_header("Transfer-Encoding", "chunked") end,
			function(ctx) ctx:set_host("a\r\nb") end,
			function(ctx) ctx:set_host("a/b") end,
			function(ctx) ctx:set_method("GET /") end,
			function(ctx) ctx:rewrite("x") end,
			function(ctx) ctx:rewrite("/a b") end,
			function(ctx) ctx:rewrite("/a\r\nb") end,
			function(ctx) ctx:rewrite("/%zz") end,
			function(ctx) ctx:rewrite("/a", "b c") end,
			function(ctx) return api.text("x"):set_header("X", "a\nb") end,
			function(ctx) return api.text("x"):set_cookie { name = "a b", value = "x" } end,
			function(ctx) return api.text("x"):set_cookie { name = "a", value = "x\r\n" } end,
			function(ctx) return api.redirect("/\r\nX: y") end,
			function(ctx) return api.raw("x", "a\r\nb") end,
			function(ctx) return api.text:status(99, "x") end,
			function(ctx) return api.error(404, "x") end,
			function(ctx) return api.proxy({}) end,
			function(ctx) return api.proxy("a", { nonsense = 1 }) end,
			function(ctx) return api.proxy("a", { headers = { ["X"] = "a\nb" } }) end,
			function(ctx) return api.proxy("a", { path = "x" }) end,
			function(ctx) return api.proxy("a", { headers = { ["proxy-authorization"] = "Basic x" } }) end,
			function(ctx) return ctx:proxy("a", { headers = { ["Proxy-Connection"] = "x" } }) end,
			function(ctx) return api.proxy("a", { host = "a", headers = { host = "b" } }) end,
		}
		function api.get(ctx)
			for i, f in ipairs(bad) do
				local ok, err = pcall(f, ctx)
				if ok then error("number " .. i .. " was accepted") end
				if type(err) ~= "table" and not err:find("app.lua:", 1, true) then error("number " .. i .. " says no line: " .. tostring(err)) end
			end
			return "all refused"
		end
		return api`)
	if got := answer(s.do("GET /", "")); got != "200 all refused" {
		t.Error(got, s.logged("script error"))
	}
}

func TestBody(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.len.post(ctx) local b = ctx:body() return b:len() .. " " .. #b:bytes() end
		function api.data.post(ctx) return ctx:body():json().a end
		function api.form.post(ctx) local f = ctx:body():form() return f.a .. table.concat(f:all("a"), ",") end
		function api.on.post(ctx) ctx:body() ctx:body() return api.pass() end
		function api.ignore.post(ctx) pcall(function() ctx:body() end) return api.pass() end
		function api.none.get(ctx) return "[" .. ctx:body():text() .. "]" end
		return api`, func(s *Script) { s.MaxBody = 16 })
	for _, c := range []struct{ request, body, header, want string }{
		{"POST /len", "a\x00\xffb", "", "200 4 4"},
		{"POST /len", "0123456789abcdef", "", "200 16 16"},
		{"POST /len", "0123456789abcdefg", "", `413 {"error":"the request body is larger than 16 bytes"}`},
		{"POST /data", `{"a":"x"}`, "", "200 x"},
		{"POST /data", `{"a":`, "", "400"},
		{"POST /form", "a=1&a=%202", "Content-Type: application/x-www-form-urlencoded", "200 11, 2"},
		{"POST /form", "a=1", "Content-Type: text/plain", "415"},
		{"POST /form", "a=%z", "", "400"},
		{"POST /on", "body", "", "200 POST /on body"},
		{"POST /ignore", "0123456789abcdefghi", "", "200 POST /ignore 0123456789abcdefghi"},
		{"GET /none", "", "", "200 []"},
	} {
		for _, chunked := range []bool{false, true} {
			method, target, _ := strings.Cut(c.request, " ")
			r := httptest.NewRequest(method, target, strings.NewReader(c.body))
			if chunked {
				r.ContentLength = -1
			}
			if name, value, ok := strings.Cut(c.header, ": "); ok {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if got := answer(w); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s %q, chunked %v: got %q, want %q", c.request, c.body, chunked, got, c.want)
			}
		}
	}
}

// An after hook must not read a body that somebody else may be reading.
func TestBodyAfterTheRequestWentOn(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.late.after.body(ctx, res) res:set_header("X-Err", select(2, pcall(ctx.body, ctx)):match("gone on") or "none") end
		function api.early.post(ctx) ctx:body() return api.pass() end
		function api.early.after.body(ctx, res) res:set_header("X-Body", ctx:body():text()) end
		return api`)
	if got := s.do("POST /late", "body").Header().Get("X-Err"); got != "gone on" {
		t.Errorf("unread: %q", got)
	}
	if w := s.do("POST /early", "body"); w.Header().Get("X-Body") != "body" || answer(w) != "200 POST /early body" {
		t.Errorf("read before: %v %s", w.Header(), answer(w))
	}
}

func TestOnError(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.boom.get() error("boom") end
		function api.taken.get() error { status = 409, message = "taken" } end
		function api.table.get() error("table") end
		function api.silent.get() error("silent") end
		function api.twice.get() error("twice") end
		api.on_error = function(err, ctx)
			if err.message:find("twice") then error("again") end
			if err.message:find("silent") then return nil end
			if err.message:find("table") then return { oops = err.status } end
			return api.text:status(err.status, ctx.path .. ": " .. err.message .. (err.traceback:find("stack traceback") and " with traceback" or ""))
		end
		return api`)
	s.expect("GET /boom", "500 /boom: app.lua:3: boom with traceback")
	s.expect("GET /taken", "409 /taken: taken with traceback")
	s.expect("GET /table", `500 {"oops":500}`)
	s.expect("GET /silent", `500 {"error":"internal error"}`)
	s.expect("GET /twice", `500 {"error":"internal error"}`)
}

// Whatever on_error returns has the error's status, unless it says another.
func TestOnErrorStatus(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local fine = api.text("fine")
		local answers = {
			string = function() return "sorry" end,
			number = function() return 7 end,
			boolean = function() return false end,
			table = function() return { oops = true } end,
			text = function() return api.text("sorry") end,
			html = function() return api.html("<p>sorry") end,
			template = function() return api.html { why = "<" } [[{{ why }}]] end,
			json = function() return api.json { oops = true } end,
			shared = function() return fine end,
			said = function() return api.text:status(200, "fine") end,
			set = function() local res = api.text("fine") res.status = 202 return res end,
			other = function() return api:error(429, "slow down") end,
			no_content = function() return api.no_content() end,
			redirect = function() return api.redirect("/sorry") end,
			next = function(ctx) return ctx:next() end,
			pass = function() return api.pass() end,
			wrong = function() return print end,
			loop = function() local t = {} t.t = t return t end,
		}
		function api.fails.p_how.get() error { status = 418, message = "no coffee" } end
		function api.breaks.p_how.get() error("boom") end
		function api.hooked.p_how.get() return "fine" end
		function api.hooked.after.x() error { status = 418, message = "no coffee" } end
		function api.value.p_how.get() return print end
		api.on_error = function(err, ctx) return answers[ctx:param("how")](ctx) end
		return api`)
	for how, want := range map[string]string{
		"string": "418 sorry", "number": "418 7", "boolean": "418 false", "table": `418 {"oops":true}`,
		"text": "418 sorry", "html": "418 <p>sorry", "template": "418 &lt;", "json": `418 {"oops":true}`, "shared": "418 fine",
		"said": "200 fine", "set": "202 fine", "other": `429 {"error":"slow down"}`, "no_content": "204 ", "redirect": "302 ",
		"pass": `418 {"error":"no coffee"}`, "wrong": `418 {"error":"no coffee"}`, "loop": `418 {"error":"no coffee"}`,
	} {
		s.expect("GET /fails/"+how, want)
		if how != "redirect" {
			s.expect("GET /hooked/"+how, want)
		}
	}
	s.expect("GET /fails/next", "200 GET /fails/next ")
	s.expect("GET /breaks/text", "500 sorry")
	s.expect("GET /value/text", "500 sorry")
	s.expect("GET /breaks/shared", "500 fine")
	for _, text := range []string{"on_error returned a function", "on_error returned a value that is not JSON"} {
		if !slices.ContainsFunc(s.logged("script error"), func(e observer.LoggedEntry) bool {
			said, _ := e.ContextMap()["error"].(string)
			return strings.Contains(said, text)
		}) {
			t.Errorf("the log says nothing of %q", text)
		}
	}
}
