package luart

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
	roverhttp "github.com/caddy-rover/rover/luart/lib/http"
	"github.com/caddy-rover/rover/luart/outbound"
)

// upstream is a server that scripts call. /echo answers what came; /hang and the end of
// /stream tell gone when the client has left.
type upstream struct {
	*httptest.Server
	more chan string   // what /stream sends
	gone chan struct{} // a request was cancelled
	came chan struct{} // a request of /hang has come
}

func newUpstream(t *testing.T) *upstream {
	u := &upstream{more: make(chan string), gone: make(chan struct{}, 100), came: make(chan struct{}, 100)}
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header()["X-Twice"] = []string{"1", "2"}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"method": r.Method, "uri": r.RequestURI, "host": r.Host, "body": string(body), "headers": r.Header, "length": r.ContentLength,
		})
	})
	mux.HandleFunc("/status", func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Query().Get("s"))
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, r.URL.Query().Get("body"))
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
	})
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		u.came <- struct{}{}
		<-r.Context().Done()
		u.gone <- struct{}{}
	})
	mux.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		_, _ = io.WriteString(w, strings.Repeat("0123456789abcde\n", n/16))
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "one\ntwo\nth")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case text, ok := <-u.more:
				if !ok {
					return
				}
				_, _ = io.WriteString(w, text)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				u.gone <- struct{}{}
				return
			}
		}
	})
	u.Server = httptest.NewServer(mux)
	t.Cleanup(u.Close)
	return u
}

// newCaller serves a script that may call u, whose URL is in its variable up.
func newCaller(t *testing.T, u *upstream, source string, change ...func(*Script)) *server {
	t.Helper()
	return newServer(t, calls(source), append([]func(*Script){withUpstream(u)}, change...)...)
}

func calls(source string) string {
	return "local up = rover.config.up\nlocal api = rover.server {}\n" + source + "\nreturn api"
}

func withUpstream(u *upstream) func(*Script) {
	return func(s *Script) {
		s.Net = outbound.NewPolicy()
		s.Config = map[string]string{"up": u.URL}
		s.Debug = true
	}
}

// httpCases are Lua chunks and what they return, as one string.
func runHTTPCases(t *testing.T, u *upstream, cases [][2]string) {
	t.Helper()
	var source strings.Builder
	source.WriteString(`local http = rover.http
	local function show(...)
		local t = { n = select("#", ...), ... }
		for i = 1, t.n do t[i] = tostring(t[i]) end
		return table.concat(t, " | ")
	end
	local function try(f)
		return show((function(ok, ...) if ok then return ... end return "raised", ... end)(pcall(f)))
	end
	`)
	for i, c := range cases {
		fmt.Fprintf(&source, "api.c%d.get = function(ctx) return try(function() %s end) end\n", i, c[0])
	}
	s := newCaller(t, u, source.String())
	for i, c := range cases {
		for range 2 {
			w := s.do(fmt.Sprintf("GET /c%d", i), "")
			if got := w.Body.String(); got != strings.ReplaceAll(c[1], "$UP", u.URL) {
				t.Errorf("%s\n got %s\nwant %s", c[0], got, c[1])
			}
		}
	}
}

func TestHTTP(t *testing.T) {
	u := newUpstream(t)
	runHTTPCases(t, u, [][2]string{
		{`local r = http.get(up .. "/echo?a=1") return r.status, r.ok, r.data.method, r.data.uri, r.url, r.data.length`, "200 | true | GET | /echo?a=1 | $UP/echo?a=1 | 0"},
		{`return http.delete(up .. "/echo").data.method`, "DELETE"},
		{`return http.options(up .. "/echo").data.method`, "OPTIONS"},
		{`local r = http.head(up .. "/echo") return r.status, #r.body, r.data`, "200 | 0 | nil"},
		{`local d = http.post(up .. "/echo", "text").data return d.method, d.body, d.headers["Content-Type"]`, "POST | text | nil"},
		{`local d = http.post(up .. "/echo").data return d.method, d.body, d.length`, "POST |  | 0"},
		{`local d = http.put(up .. "/echo", 12, { headers = { ["content-type"] = "x/y" } }).data return d.method, d.body, d.headers["Content-Type"][1]`, "PUT | 12 | x/y"},
		{`local d = http.patch(up .. "/echo", { json = { a = { 1, 2 } } }).data return d.method, d.body, d.headers["Content-Type"][1]`, `PATCH | {"a":[1,2]} | application/json`},
		{`return http.post(up .. "/echo", nil, { json = "s" }).data.body`, `"s"`},
		{`return http.post(up .. "/echo", { json = rover.json.null }).data.body`, `null`},
		{`return http.post(up .. "/echo", { json = false }).data.body`, `false`},
		{`local d = http.post(up .. "/echo", { form = { b = { 1, 2 }, a = "x y" } }).data return d.body, d.headers["Content-Type"][1]`, "a=x+y&b=1&b=2 | application/x-www-form-urlencoded"},
		{`return http.get(up .. "/echo", { params = { b = { 1, 2 }, a = "x&y" } }).data.uri`, "/echo?a=x%26y&b=1&b=2"},
		{`return http.get(up .. "/echo?z=0#frag", { params = { a = 1 } }).data.uri`, "/echo?z=0&a=1"},
		{`local h = http.get(up .. "/echo", { headers = { ["X-A"] = { "1", 2 }, host = "other.test", Authorization = "x" } }).data return h.host, h.headers["X-A"][1], h.headers["X-A"][2], h.headers.Authorization[1], h.headers["User-Agent"][1]`, "other.test | 1 | 2 | x | rover"},
		{`local d = http.request { method = "propfind", url = up .. "/echo", body = "b" }.data return d.method, d.body`, "PROPFIND | b"},
		{`return http.request { url = up .. "/echo" }.data.method`, "GET"},

		// Responses.
		{`local r = http.get(up .. "/status?s=404&body=gone") return r.status, r.ok, r.body, r.data`, "404 | false | gone | gone"},
		{`local r = http.get(up .. "/status?s=204") return r.status, r.ok, r.body, #r.data`, "204 | true |  | 0"},
		{`local r = http.get(up .. "/status?s=200&type=application/problem%2Bjson&body=[1]") return r.data[1], r.data == r.data`, "1 | true"},
		{`local r = http.get(up .. "/status?s=200&type=application/json&body=[1") return r.data, r:json()`, "nil | nil | invalid JSON at byte 3: expected ',' or ']', got end of input"},
		{`local r = http.get(up .. "/status?s=200&type=text/plain&body=[1]") return r.data, r:json()[1]`, "[1] | 1"},
		{`local h = http.get(up .. "/echo").headers return h["x-twice"], h["X-TWICE"], h:all("x-twice")[2], h.nope`, "1 | 1 | 2 | nil"},
		{`local n = 0 for k in pairs(http.get(up .. "/echo").headers) do if k == "x-twice" then n = n + 1 end end return n`, "1"},
		{`local r = http.get(up .. "/redirect?to=/status?s=201") return r.status, r.url`, "201 | $UP/status?s=201"},
		{`local r = http.get(up .. "/redirect?to=/x", { redirects = 0 }) return r.status, r.headers.location`, "302 | /x"},
		{`return http.get(up .. "/echo").nothing`, "nil"},
		{`http.get(up .. "/echo").status = 1`, `raised | app.lua:39: HTTP response has no field "status" that can be set`},

		// What fails gives nil and why.
		{`return http.get(up .. "/redirect?to=/redirect", { redirects = 1 })`, "nil | redirect: more than 1, the last to $UP/"},
		{`return http.get(up .. "/hang", { timeout = 0.01 })`, "nil | timeout: the request took longer than 10ms"},
		{`return http.get(up .. "/big?n=160", { max_body = 159 })`, "nil | too large: the body of the response is longer than 159 bytes"},
		{`return #http.get(up .. "/big?n=160", { max_body = 160 }).body`, "160"},
		{`return http.get(up .. "/big?n=20000000")`, "nil | too large: the body of the response is longer than 10485760 bytes"},
		{`return http.get(up .. "/cut")`, "nil | protocol: the server closed the connection before the response was complete"},
		{`return http.get("http://127.0.0.1:1/")`, "nil | connect: 127.0.0.1:1: connection refused"},
		{`return http.get(up .. "/hang", { timeout_ms = 10 })`, "nil | timeout: the request took longer than 10ms"},

		// With three arguments a table is data.
		{`local d = http.post(up .. "/echo", { body = "hello" }, { headers = { ["X-A"] = "1" } }).data return d.body, d.headers["X-A"][1], d.headers["Content-Type"][1]`, `{"body":"hello"} | 1 | application/json`},
		{`return http.put(up .. "/echo", { 1, 2 }, {}).data.body, http.patch(up .. "/echo", {}, {}).data.body`, "[1,2] | {}"},
		{`return http.post(up .. "/echo", "text", {}).data.body`, "text"},
		{`return http.post(up .. "/echo", { body = "text" }, nil).data.body, http.post(up .. "/echo", {}).data.body`, "text | "},
		{`local c = http.create { baseURL = up, timeout_ms = 20000 } return c:post("/echo", { a = 1 }, { params = { b = 2 } }).data.uri, c:get("/echo").data.method`, "/echo?b=2 | GET"},

		// Waiting works everywhere.
		{`local co = coroutine.wrap(function() coroutine.yield(http.get(up .. "/echo").status) return http.get(up .. "/status?s=201").status end) return co(), co()`, "200 | 201"},
		{`return ("a b"):gsub("%a", function(c) return http.post(up .. "/echo", c).data.body:upper() end)`, "A B | 2"},
		{`local t = setmetatable({}, { __index = function(_, k) return http.get(up .. "/status?s=" .. k).status end }) return t["202"]`, "202"},
		{`return select(2, pcall(http.get, up .. "/echo")).status`, "200"},
		{`local a, b = rover.parallel { function() return http.get(up .. "/echo").status end, function() return http.get(up .. "/status?s=404").status end } return a, b`, "200 | 404"},
	})
}

func TestHTTPBadArguments(t *testing.T) {
	u := newUpstream(t)
	const known = "there are body, breaker, form, headers, json, max_body, params, redirects, retry, stream, timeout, timeout_ms"
	cases := [][2]string{
		{`http.get()`, "bad argument #1 to get (string expected, got no value)"},
		{`http.get({})`, "bad argument #1 to get (string expected, got table)"},
		{`http.get("/x")`, `bad argument #1 to get (URL beginning with http:// or https:// and a host expected, got "/x")`},
		{`http.get("ftp://x/")`, `bad argument #1 to get (URL beginning with http:// or https:// and a host expected, got "ftp://x/")`},
		{`http.get("http:///x")`, `bad argument #1 to get (URL beginning with http:// or https:// and a host expected, got "http:///x")`},
		{`http.get("http://a\nb/")`, `bad argument #1 to get (invalid URL: net/url: invalid control character in URL)`},
		{`http.get(up, 1)`, "bad argument #2 to get (table expected, got number)"},
		{`http.get(up, { tiemout = 1 })`, `bad argument #2 to get (unknown option "tiemout": did you mean timeout?)`},
		{`http.get(up, { ca = "x" })`, `bad argument #2 to get (unknown option "ca": it is one of rover.http.create)`},
		{`http.request(up)`, "bad argument #1 to request (table expected, got string)"},
		{`http.request {}`, "bad argument #1 to request (option url is missing)"},
		{`http.request { url = up, metod = "x" }`, `bad argument #1 to request (unknown option "metod": did you mean method?)`},
		{`http.request { url = up, method = "A B" }`, `bad argument #1 to request (option method: "A B" cannot be sent)`},
		{`http.request { url = up, method = "connect" }`, `bad argument #1 to request (option method: "connect" cannot be sent)`},
		{`http.get(up, { method = "PUT" })`, `bad argument #2 to get (unknown option "method": it is one of rover.http.request)`},
		{`http.get(up, { timeout = 0 })`, "bad argument #2 to get (option timeout: seconds above 0, up to 86400, expected, got 0)"},
		{`http.get(up, { timeout = 0/0 })`, "bad argument #2 to get (option timeout: seconds above 0, up to 86400, expected, got nan)"},
		{`http.get(up, { timeout = "1" })`, "bad argument #2 to get (option timeout: seconds above 0, up to 86400, expected, got the text \"1\")"},
		{`http.get(up, { redirects = -1 })`, "bad argument #2 to get (option redirects: whole number from 0 to 100 expected, got -1)"},
		{`http.get(up, { max_body = 1.5 })`, "bad argument #2 to get (option max_body: whole number from 1 to 1073741824 expected, got 1.5)"},
		{`http.get(up, { stream = 1 })`, "bad argument #2 to get (option stream: boolean expected, got number)"},
		{`http.get(up, { params = "a=b" })`, "bad argument #2 to get (option params: table expected, got string)"},
		{`http.get(up, { params = { a = {} , b = print } })`, "bad argument #2 to get (option params: query 'b': string, number, boolean or an array of them expected, got function)"},
		{`http.get(up, { headers = "a" })`, "bad argument #2 to get (option headers: table expected, got string)"},
		{`http.get(up, { headers = { ["X-A"] = "a\r\nb" } })`, `header X-A: value "a\r\nb" is not allowed`},
		{`http.get(up, { headers = { ["X A"] = "a" } })`, `"X A" is not a header name`},
		{`http.get(up, { headers = { ["Content-Length"] = 1 } })`, "bad argument #2 to get (Content-Length follows from the message and cannot be changed)"},
		{`http.get(up, { headers = { Host = { "a", "b" } } })`, "bad argument #2 to get (option headers: a request has one Host)"},
		{`http.post(up, print)`, "bad argument #2 to post (string expected, got function)"},
		{`http.post(up, {}, 1)`, "bad argument #3 to post (table expected, got number)"},
		{`http.post(up, "x", { json = 1 })`, "bad argument #3 to post (the body argument and option json: a request has one body)"},
		{`http.post(up, { json = print })`, "bad argument #2 to post (option json: cannot encode a function as JSON)"},
		{`http.post(up, { body = {} })`, "bad argument #2 to post (option body: string expected, got table)"},
		{`http.create { base_url = "x" }`, `bad argument #1 to create (option base_url: URL beginning with http:// or https:// and a host expected, got "x")`},
		{`http.create { base_url = up .. "?a" }`, "bad argument #1 to create (option base_url: a query or a fragment cannot stand before the path of a request)"},
		{`http.create { json = 1 }`, `bad argument #1 to create (unknown option "json": there are base_url, baseURL, breaker, ca, cert, headers, insecure, key, max_body, redirects, retry, timeout, timeout_ms)`},
		{`http.create { ca = "x" }`, "bad argument #1 to create (option ca: no certificate in PEM form in it)"},
		{`http.create { cert = "x" }`, "bad argument #1 to create (options cert and key: one does not go without the other)"},
		{`http.create { cert = "x", key = "y" }`, "bad argument #1 to create (options cert and key: failed to find any PEM data in certificate input)"},
		{`http.create { insecure = "no" }`, "bad argument #1 to create (option insecure: boolean expected, got string)"},
		{`http.create { base_url = up }.get("/x")`, "bad argument #1 to get (client expected, got string (call client:get() with a colon))"},
		{`http.create { base_url = up }:get("http://other.test/")`, `bad argument #1 to get (path expected, got the URL "http://other.test/": the client has the base_url $UP)`},
		{`local r = http.get(up .. "/echo") r.lines()`, "bad argument #1 to lines (HTTP response expected, got nil (call res:method() with a colon))"},
		{`http.create { base_url = up .. "/v1" }:get("/items/" .. rover.url.encode("../private"))`, `rover.http: the path "/v1/items/..%2Fprivate": it has the segment "..", decoded, and would lead elsewhere (rover.url.path(base, …) escapes parts such as parameters)`},
		{`http.create { base_url = up .. "/v1" }:get("..")`, `rover.http: the path "/v1/..": it has the segment "..", decoded, and would lead elsewhere (rover.url.path(base, …) escapes parts such as parameters)`},
		{`http.request { url = up .. [[/a\..]] }`, `rover.http: the path "/a%5C..": it has the segment "..", decoded, and would lead elsewhere (rover.url.path(base, …) escapes parts such as parameters)`},
		{`http.create { base_url = up .. "/v1/%2e" }`, `bad argument #1 to create (option base_url: the path "/v1/%2e": it has the segment ".", decoded, and would lead elsewhere (rover.url.path(base, …) escapes parts such as parameters))`},
		{`http.post(up, { title = "foo" })`, `bad argument #2 to post (unknown option "title": ` + known + `; to send a table as JSON write { json = … })`},
		{`http.put(up, { 1, 2 })`, "bad argument #2 to put (options by name expected, got a number as a name; to send a table as JSON write { json = … })"},
		{`http.patch(up, { title = "foo", headers = {} })`, `bad argument #2 to patch (unknown option "title": ` + known + `)`},
		{`http.post(up, { a = print }, {})`, "bad argument #3 to post (the data argument: cannot encode a function as JSON (at .a))"},
		{`http.post(up, {}, { body = "x" })`, "bad argument #3 to post (the data argument and option body: a request has one body)"},
		{`http.post(up, {}, { title = "foo" })`, `bad argument #3 to post (unknown option "title": ` + known + `)`},
		{`http.get(up, { timeout_ms = 86400001 })`, "bad argument #2 to get (option timeout_ms: milliseconds above 0, up to 86400000, expected, got 86400001)"},
		{`http.get(up, { timeout = 1, timeout_ms = 1 })`, "bad argument #2 to get (options timeout and timeout_ms: one of the two expected, got both)"},
		{`http.create { base_url = up, baseURL = up }`, "bad argument #1 to create (options base_url and baseURL: one of the two expected, got both)"},
		{`http.create { baseURL = "x" }`, `bad argument #1 to create (option baseURL: URL beginning with http:// or https:// and a host expected, got "x")`},
		{`http.get(up .. "/echo"):read(0)`, "bad argument #1 to read (number of bytes from 1 to 16777216 expected, got 0)"},
	}
	for i := range cases {
		at := "app.lua:" + strconv.Itoa(12+i) + ": "
		if strings.HasPrefix(cases[i][1], "rover.http: the path") {
			at = "" // an error for a client, whose text is its message
		}
		cases[i][1] = "raised | " + at + cases[i][1]
	}
	runHTTPCases(t, u, cases)
}

func TestHTTPNeedsAllowNet(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.p_name.get(ctx) return select(2, pcall(rover.http[ctx:param("name")], "http://127.0.0.1/")) end
		return api`)
	for _, name := range []string{"get", "delete", "head", "options", "post", "put", "patch", "request"} {
		s.expect("GET /"+name, "200 app.lua:3: rover.http needs `allow net` in the rover block of the Caddyfile")
	}
	s.expect("GET /create", "200 app.lua:3: rover.http needs `allow net` in the rover block of the Caddyfile")
}

func TestHTTPForbidden(t *testing.T) {
	u := newUpstream(t)
	addr := strings.TrimPrefix(u.URL, "http://")
	policy, err := outbound.ParsePolicy([]string{addr})
	if err != nil {
		t.Fatal(err)
	}
	s := newCaller(t, u, `
		local function to(url) local r, err = rover.http.get(url) return err or r.status end
		function api.yes.get() return to(up .. "/echo") end
		function api.no.get() return to("http://169.254.169.254/latest") end
		function api.name.get() return to("http://metadata.test/") end
		function api.moved.get() return to(up .. "/redirect?to=http://127.0.0.2/") end
		function api.create.get()
			local r, err = rover.http.create { base_url = "https://127.0.0.2", insecure = true }:get "/"
			return err
		end`, func(s *Script) { s.Net = policy })
	s.expect("GET /yes", "200 200")
	s.expect("GET /no", "200 forbidden: 169.254.169.254:80 is not in the rules of allow net")
	s.expect("GET /name", "200 forbidden: metadata.test:80 is not in the rules of allow net")
	s.expect("GET /moved", "200 forbidden: 127.0.0.2:80 is not in the rules of allow net")
	s.expect("GET /create", "200 forbidden: 127.0.0.2:443 is not in the rules of allow net")
	stats := roverhttp.Stats(s.vm)
	if stats.Requests != 10 || stats.Failures[outbound.StepForbidden] != 8 || stats.Failures[outbound.StepDNS] != 0 {
		t.Errorf("stats: %+v", stats)
	}
}

func TestHTTPClient(t *testing.T) {
	u := newUpstream(t)
	runHTTPCases(t, u, [][2]string{
		{`local c = http.create { base_url = up .. "/", headers = { ["X-A"] = "1", ["X-B"] = "1" } }
		  local d = c:post("echo", "b", { headers = { ["x-b"] = "2" } }).data
		  return d.uri, d.body, d.headers["X-A"][1], d.headers["X-B"][1], #d.headers["X-B"]`, "/echo | b | 1 | 2 | 1"},
		{`return http.create { base_url = up .. "/echo" }:get("?a=1").data.uri`, "/echo?a=1"},
		{`return http.create { base_url = up .. "/echo" }:get("").data.uri`, "/echo"},
		{`return http.create { base_url = up }:get("@other.test/").status`, "404"},
		{`return http.create { base_url = up }:get("//other.test/").url`, "$UP/other.test/"},
		{`return http.create { base_url = up }:request({ method = "PUT", url = "/echo" }).data.method`, "PUT"},
		{`return http.create { timeout = 0.01 }:get(up .. "/hang")`, "nil | timeout: the request took longer than 10ms"},
		{`return http.create { timeout = 0.01 }:get(up .. "/echo", { timeout = 20 }).status`, "200"},
		{`return http.create { max_body = 10 }:get(up .. "/big?n=16")`, "nil | too large: the body of the response is longer than 10 bytes"},
		{`return http.create { redirects = 0 }:get(up .. "/redirect?to=/").status`, "302"},
		{`return http.create():get(up .. "/echo").status, tostring(http.create())`, "200 | HTTP client"},
		{`for i = 1, 100 do http.create { insecure = true } end return true`, "true"},
	})
	s := newCaller(t, u, `function api.get() for i = 1, 65 do rover.http.create { ca = rover.config.up .. i } end end`, func(s *Script) {
		pemText := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: httptestCertificate(t)}))
		s.Config["up"] = pemText
	})
	if got := answer(s.do("GET /", "")); !strings.Contains(got, "the script has 64 clients with different TLS options, the limit") {
		t.Error(got)
	}
}

func httptestCertificate(t *testing.T) []byte {
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	return s.Certificate().Raw
}

func TestHTTPS(t *testing.T) {
	u := newUpstream(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	caller := newCaller(t, u, `
		local url = rover.config.secure
		local client = rover.http.create { base_url = url, ca = rover.config.ca }
		function api.ca.get() return client:get("/").body end
		function api.insecure.get() return rover.http.create { insecure = true }:get(url).body end
		function api.plain.get() return (select(2, rover.http.get(url))) end`, func(c *Script) {
		c.Config["secure"] = s.URL
		c.Config["ca"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	})
	caller.expect("GET /ca", "200 HTTP/2.0")
	caller.expect("GET /insecure", "200 HTTP/2.0")
	caller.expect("GET /plain", "200 tls: tls: failed to verify certificate: x509: certificate signed by unknown authority")
}

func TestHTTPCarriesOnTheTrace(t *testing.T) {
	u := newUpstream(t)
	s := newCaller(t, u, `
		local function seen(d)
			local h = d.headers
			local function first(n) return h[n] and h[n][1] or "-" end
			return first("Traceparent") .. " " .. first("Tracestate") .. " " .. first("X-Request-Id")
		end
		function api.get() return seen(rover.http.get(up .. "/echo").data) end
		function api.own.get()
			return seen(rover.http.get(up .. "/echo", { headers = { traceparent = "mine", ["x-request-id"] = "me" } }).data)
		end
		function api.parallel.get()
			return (rover.parallel { function() return seen(rover.http.get(up .. "/echo").data) end })
		end
		function api.id.get(ctx)
			return tostring(rover.http.get(up .. "/echo").data.headers["X-Request-Id"][1] == ctx:request_id())
		end
		function api.background.get()
			rover.spawn(function() rover.log.info(seen(rover.http.get(up .. "/echo").data)) end)
		end`)
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	headers := []string{"Traceparent: " + trace, "Tracestate: a=1", "Tracestate: b=2", "X-Request-Id: r1"}
	s.expect("GET /", "200 "+trace+" a=1,b=2 r1", headers...)
	s.expect("GET /parallel", "200 "+trace+" a=1,b=2 r1", headers...)
	s.expect("GET /own", "200 mine - me", headers...)
	s.expect("GET /id", "200 true")
	s.expect("GET /background", "204 ", headers...)
	s.awaitLine("- - -")
	for _, bad := range []string{
		"", "00", trace[:54], trace + "-", strings.ToUpper(trace), "ff" + trace[2:], strings.Replace(trace, "4bf92f3577b34da6a3ce929d0e0e4736", strings.Repeat("0", 32), 1),
		strings.Replace(trace, "00f067aa0ba902b7", strings.Repeat("0", 16), 1), strings.Replace(trace, "-", "_", 1), "0x" + trace[2:],
	} {
		s.expect("GET /", "200 - - r1", "Traceparent: "+bad, "Tracestate: a=1", "X-Request-Id: r1")
	}
	s.expect("GET /", "200 01"+trace[2:]+"-more - r1", "Traceparent: 01"+trace[2:]+"-more", "X-Request-Id: r1")
}

// The upstream sees that its request is not wanted any more: when the client leaves,
// when the timeout strikes, and when another function of rover.parallel failed.
func TestHTTPIsCancelled(t *testing.T) {
	u := newUpstream(t)
	c := clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), nil)
	c.Begin(1) // the test
	s := newServerIn(t, VMOptions{Clock: c}, calls(`
		function api.get()
			local ok, err = pcall(rover.http.get, up .. "/hang")
			rover.log.info(err)
			error(err, 0)
		end
		function api.streamed.get()
			local res = rover.http.get(up .. "/stream", { stream = true })
			rover.log.info("it streams")
			res:read(1)
		end
		function api.sibling.get()
			rover.parallel { function() rover.http.get(up .. "/hang") end, function() error("enough", 0) end }
		end`), withUpstream(u), func(s *Script) { s.Timeout = 100 * time.Millisecond })
	timesOut := func(path string, came func()) {
		got := make(chan *httptest.ResponseRecorder, 1)
		go func() { got <- s.do("GET "+path, "") }()
		came() // or the upstream would not see it go
		c.Advance(100*time.Millisecond, nil)
		if got := <-got; got.Code != http.StatusGatewayTimeout {
			t.Errorf("%s: %s", path, answer(got))
		}
		<-u.gone
	}
	timesOut("/", func() { <-u.came })
	s.awaitLine("app.lua:5: the request took longer than its timeout")
	timesOut("/streamed", func() { s.awaitLine("it streams") })
	if got := answer(s.do("GET /sibling", "")); !strings.Contains(got, "enough") {
		t.Error(got)
	}
	select { // it may have failed before it was sent
	case <-u.came:
		<-u.gone
	default:
	}

	if err := s.load("local up = '"+u.URL+`'
		local api = rover.server {}
		function api.get() rover.http.get(up .. "/hang") end
		return api`, func(s *Script) { s.Net = outbound.NewPolicy() }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
	done := make(chan struct{})
	go func() { s.ServeHTTP(httptest.NewRecorder(), r); close(done) }()
	<-u.came
	cancel()
	<-done
	<-u.gone
}

func TestHTTPWhileTheScriptLoads(t *testing.T) {
	u := newUpstream(t)
	s := newCaller(t, u, `
		local got = rover.http.get(up .. "/echo").data.uri
		function api.get() return got end`)
	s.expect("GET /", "200 /echo")
}

// In the background there is no timeout but the script's own for one request.
func TestHTTPInTheBackground(t *testing.T) {
	u := newUpstream(t)
	c := clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), nil)
	s := newServerIn(t, VMOptions{Clock: c}, calls(`
		rover.spawn(function() rover.log.info(select(2, rover.http.get(up .. "/hang"))) end)
		rover.spawn(function() rover.log.info(rover.http.get(up .. "/echo").status .. "!") end)`),
		withUpstream(u), func(s *Script) { s.Timeout = 200 * time.Millisecond })
	s.awaitLine("200!")
	<-u.came
	c.Advance(200*time.Millisecond, nil)
	s.awaitLine("timeout: the request took longer than 200ms")
	<-u.gone
}

func TestHTTPConnectionsEndWithTheGeneration(t *testing.T) {
	states := make(chan http.ConnState, 100)
	u := &upstream{Server: httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))}
	u.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew || s == http.StateClosed {
			states <- s
		}
	}
	u.Start()
	t.Cleanup(u.Close)
	s := newCaller(t, u, `function api.get() return rover.http.get(up .. "/echo").status end`)
	s.expect("GET /", "200 200")
	if got := <-states; got != http.StateNew {
		t.Fatal(got)
	}
	s.gen.Retire()
	if got := <-states; got != http.StateClosed {
		t.Fatal(got)
	}
	s.expect("GET /", "200 200") // a request that is still on its way
	count := map[http.ConnState]int{}
	for count[http.StateClosed] < 2 { // both, for none was kept
		count[<-states]++
	}
	if count[http.StateNew] != 2 {
		t.Errorf("connections: %v", count)
	}
}

func TestHTTPRetryAndBreaker(t *testing.T) {
	u := newUpstream(t)
	runHTTPCases(t, u, [][2]string{
		{`return http.get(up .. "/echo", { retry = 3, breaker = true }).status`, "200"},
		{`return http.create { retry = { attempts = 2, backoff = 0 } }:get(up .. "/status?s=503").status`, "503"},
		{`return http.create { retry = 3, breaker = true }:get(up .. "/echo", { retry = false, breaker = false }).status`, "200"},
		{`local c = http.create { breaker = { failures = 1, open = 3600, name = "shop" } }
		  c:get(up .. "/status?s=502")
		  local _, err, seconds = c:get(up .. "/echo")
		  return err:match("^breaker open: shop has failed too often, it is asked again in ") ~= nil, seconds > 3000 and seconds <= 3600`, "true | true"},
		{`return select("#", http.get("http://127.0.0.1:1", { retry = { backoff = 0 } }))`, "2"},
	})
}

func TestHTTPRetryAndBreakerMistakes(t *testing.T) {
	cases := [][2]string{
		{`http.get(up, { retry = 0 })`, "bad argument #2 to get (option retry: a whole number from 1 to 10 expected, got 0)"},
		{`http.get(up, { retry = { attempts = 1.5 } })`, "bad argument #2 to get (option retry.attempts: a whole number from 1 to 10 expected, got 1.5)"},
		{`http.get(up, { retry = "3" })`, "bad argument #2 to get (option retry: a number of attempts, a table or a boolean expected, got string)"},
		{`http.get(up, { retry = { backoff = 0/0 } })`, "bad argument #2 to get (option retry.backoff: seconds from 0 to 60 expected, got NaN)"},
		{`http.get(up, { retry = { backoff = 1, max_backoff = 0.5 } })`, "bad argument #2 to get (option retry: max_backoff is shorter than backoff)"},
		{`http.get(up, { retry = { on = { "conect" } } })`, "bad argument #2 to get (option retry.on: \"conect\" is no failure: there are connect, dns, tls, timeout, protocol and statuses)"},
		{`http.get(up, { retry = { on = { 200 } } })`, "bad argument #2 to get (option retry.on: a status from 400 to 599 expected)"},
		{`http.get(up, { retry = { on = {} } })`, "bad argument #2 to get (option retry.on: a list of 1 to 64 expected, got one of 0)"},
		{`http.get(up, { retry = { retries = 3 } })`, "bad argument #2 to get (option retry: unknown option \"retries\": it is attempts, with the first)"},
		{`http.get(up, { retry = { methods = { "P OST" } } })`, "bad argument #2 to get (option retry.methods: names of methods expected, got P OST)"},
		{`http.create { breaker = 5 }`, "bad argument #1 to create (option breaker: a table or a boolean expected, got number)"},
		{`http.create { breaker = { min = 5 } }`, "bad argument #1 to create (option breaker: min is how many requests ratio needs, which is missing)"},
		{`http.create { breaker = { ratio = 0 } }`, "bad argument #1 to create (option breaker.ratio: a number from 0.01 to 1 expected, got 0)"},
		{`http.create { breaker = { open = 0 } }`, "bad argument #1 to create (option breaker.open: seconds from 0.01 to 3600 expected, got 0)"},
		{`http.create { breaker = { name = "a b" } }`, "bad argument #1 to create (option breaker.name: 1 to 64 printable ASCII characters without spaces expected, got a b)"},
	}
	for i := range cases {
		cases[i][1] = "raised | app.lua:" + strconv.Itoa(12+i) + ": " + cases[i][1]
	}
	runHTTPCases(t, newUpstream(t), cases)
}

// Breakers belong to the VM: a reload does not close them.
func TestHTTPBreakerOutlivesReload(t *testing.T) {
	u := newUpstream(t)
	source := func(version string) string {
		return `
		local shop = rover.http.create { breaker = { failures = 2, open = 3600 } }
		function api.ask.get() local res, err = shop:get(up .. "/status?s=504") return err and err:match("^[a-z]+ [a-z]+: ") or res.status end
		function api.version.get() return "` + version + `" end`
	}
	s := newCaller(t, u, source("1"))
	s.expect("GET /ask", "200 504") // twice
	s.expect("GET /ask", "200 breaker open: ")
	err := s.load("local up = rover.config.up\nlocal api = rover.server {}\n"+source("2")+"\nreturn api", func(script *Script) {
		script.Net, script.Config = outbound.NewPolicy(), map[string]string{"up": u.URL}
	})
	if err != nil {
		t.Fatal(err)
	}
	s.expect("GET /version", "200 2")
	s.expect("GET /ask", "200 breaker open: ")
	if got := roverhttp.Guarded(s.vm); got.Changes["open"] != 1 || got.Refused != 4 || len(got.Breakers) != 1 {
		t.Errorf("stats: %+v", got)
	}
}
