package luart

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// corsHeaders are what a response says of origins, in one line.
func corsHeaders(w *httptest.ResponseRecorder) string {
	var list []string
	for name, values := range w.Result().Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
			list = append(list, strings.TrimPrefix(name, "Access-Control-")+"="+strings.Join(values, ", "))
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

const corsApp = `
	local api = rover.server {
		cors_origin = { "https://app.example", "http://localhost:5173" }, cors_credentials = true,
		cors_headers = "Content-Type, X-Csrf", cors_methods = { "GET", "PUT" }, cors_expose_headers = "X-Total", cors_max_age = 60,
	}
	function api.before.auth(ctx) if ctx.path == "/secret" then return api:error(401, "who are you") end end
	function api.lua.get() return "in" end
	function api.fails.get() error("broken") end
	function api.open.get() return "open" end
	api.open.cors { origin = "*" }
	api.open.closed.cors { origin = false }
	api.login.limit { rate = 1, per = 3600 }
	function api.changed.get(ctx)
		local res = ctx:next()
		res:set_header("Access-Control-Allow-Origin", "*")
		return res
	end
	return api`

// The policy holds for whatever answers: Lua, hooks, the next handler, errors. What others say of
// origins is replaced.
func TestCORS(t *testing.T) {
	s := newServer(t, corsApp)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Access-Control-Allow-Origin"] = []string{"*", "https://other.example"}
		w.Header()["Access-Control-Allow-Credentials"] = []string{"true"}
		w.Header().Set("Vary", "Accept")
		w.WriteHeader(http.StatusTeapot)
	})
	const yes = "Allow-Credentials=true Allow-Origin=https://app.example Expose-Headers=X-Total Vary=Origin"
	const asked = "Allow-Credentials=true Allow-Headers=Content-Type, X-Csrf Allow-Methods=GET, PUT Allow-Origin=https://app.example Max-Age=60 Vary=Origin"
	const others = "Allow-Credentials=true Allow-Origin=*, https://other.example Vary=Accept"
	for _, c := range []struct {
		request, origin, method string
		status                  int
		want                    string
	}{
		{"GET /lua", "https://app.example", "", 200, yes},
		{"GET /lua", "http://localhost:5173", "", 200, strings.ReplaceAll(yes, "https://app.example", "http://localhost:5173")},
		{"GET /lua", "https://evil.example", "", 200, "Vary=Origin"},
		{"GET /lua", "null", "", 200, "Vary=Origin"},
		{"GET /lua", "", "", 200, "Vary=Origin"},
		{"GET /fails", "https://app.example", "", 500, yes},
		{"GET /secret", "https://app.example", "", 401, yes},
		{"GET /passed", "https://app.example", "", 418, strings.Replace(yes, "Vary=", "Vary=Accept, ", 1)},
		{"GET /passed", "https://evil.example", "", 418, "Vary=Accept, Origin"},
		{"GET /changed", "https://evil.example", "", 418, "Vary=Accept, Origin"},
		{"GET /login", "https://app.example", "", 418, strings.Replace(yes, "Vary=", "Vary=Accept, ", 1)},
		{"GET /login", "https://app.example", "", 429, yes},
		{"OPTIONS /login", "https://app.example", "PUT", 204, asked},
		{"OPTIONS /secret", "https://app.example", "PUT", 204, asked},
		{"OPTIONS /lua", "https://app.example", "GET", 204, asked},
		{"OPTIONS /passed", "https://app.example", "DELETE", 204, asked},
		{"OPTIONS /passed", "https://evil.example", "GET", 204, "Vary=Origin"},
		{"OPTIONS /passed", "https://app.example", "", 418, strings.Replace(yes, "Vary=", "Vary=Accept, ", 1)}, // no preflight
		{"GET /open", "https://evil.example", "", 200, "Allow-Origin=*"},
		{"GET /open", "", "", 200, "Allow-Origin=*"},
		{
			"OPTIONS /open/x", "https://evil.example", "PATCH", 204,
			"Allow-Headers=Content-Type, Authorization Allow-Methods=GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD Allow-Origin=* Max-Age=600",
		},
		{"GET /open/closed", "https://app.example", "", 418, others},
		{"OPTIONS /open/closed/x", "https://app.example", "GET", 418, others},
		// A path that can be read as two places is allowed what both allow.
		{"GET /open/..%2flua", "https://app.example", "", 418, "Allow-Origin=https://app.example Vary=Accept, Origin"},
		{"GET /open/..%2flua", "https://evil.example", "", 418, "Vary=Accept, Origin"},
		{"GET /OPEN/x", "https://evil.example", "", 418, "Vary=Accept, Origin"},
		{"GET /open/a%2fb", "https://evil.example", "", 418, "Allow-Origin=* Vary=Accept"},
		{"GET /OPEN/closed%2fx", "https://app.example", "", 418, others},
	} {
		var headers []string
		if c.origin != "" {
			headers = append(headers, "Origin: "+c.origin)
		}
		if c.method != "" {
			headers = append(headers, "Access-Control-Request-Method: "+c.method, "Access-Control-Request-Headers: x-other", "Access-Control-Request-Private-Network: true")
		}
		w := s.do(c.request, "", headers...)
		if got := corsHeaders(w); got != c.want || w.Code != c.status {
			t.Errorf("%s of %s: got %d %s, want %d %s", c.request, c.origin, w.Code, got, c.status, c.want)
		}
	}
}

// What no browser sends is not repeated, and gets the answer that it would get otherwise.
func TestCORSOddOrigins(t *testing.T) {
	s := newServer(t, `
		local api = rover.server { cors_origin = "*", cors_credentials = true, allow_wildcard_cors_credentials = true }
		function api.get() return "in" end
		return api`)
	for _, origins := range [][]string{
		{"https://a.example", "https://b.example"},
		{"https://a.example, https://b.example"},
		{"null"},
		{"*"},
		{""},
		{"https://a.example/"},
		{"https://a.example\x01"},
		{"https://\xff.example"},
		{"HTTPS://A.EXAMPLE"},
		{strings.Repeat("a", 64<<10)},
		{"https://" + strings.Repeat("a", 64<<10)},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Origin"] = origins
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if got := corsHeaders(w); got != "Vary=Origin" || answer(w) != "200 in" {
			t.Errorf("%.60q: got %s, %s", origins, got, answer(w))
		}
	}
	if got := corsHeaders(s.do("GET /", "", "Origin: https://any.example")); got != "Allow-Credentials=true Allow-Origin=https://any.example Vary=Origin" {
		t.Errorf("got %s", got)
	}
	if n := s.logs.FilterMessageSnippet("any site may read").Len(); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

// A path that is at two places, none of which is above the other, has what both allow: no spelling
// of a path gets what its place does not give.
func TestCORSOfTwoPlaces(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		api.public.cors { origin = "*" }
		api.private.cors { origin = "https://app.example", credentials = true }
		api.off.cors {}
		api.p_tenant.cors { origin = { "https://app.example", "https://tenant.example" } }
		function api.public.get() return "public" end
		return api`)
	for _, c := range []struct{ target, origin, want string }{
		{"/public", "https://evil.example", "*"}, // its route says that it is no tenant
		{"/public/x", "https://evil.example", ""},
		{"/public/x", "https://tenant.example", "https://tenant.example"},
		{"/private/x", "https://tenant.example", ""},
		{"/private/x", "https://app.example", "https://app.example"},
		{"/public/..%2fprivate", "https://evil.example", ""},
		{"/public/..%2fprivate", "https://app.example", "https://app.example"},
		{"/private/..%2foff", "https://app.example", ""},
		{"/public/..%2f", "https://app.example", ""},
		{"/PUBLIC", "https://evil.example", ""},
		{"/other", "https://tenant.example", "https://tenant.example"},
		{"/", "https://app.example", ""},
	} {
		w := s.do("GET "+c.target, "", "Origin: "+c.origin)
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != c.want {
			t.Errorf("%s of %s: got %q, want %q", c.target, c.origin, got, c.want)
		}
		if c.want == "" && w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s of %s: credentials", c.target, c.origin)
		}
	}
}

// A function is asked about origins that browsers send, before any hook, also for a preflight and
// where nothing of the script answers. It may wait, and cannot change the request.
func TestCORSFunction(t *testing.T) {
	s := newServer(t, `
		local asked = {}
		local api = rover.server { cors_origin = function(origin, ctx)
			rover.sleep(0)
			asked[#asked + 1] = origin .. ctx.path
			if ctx.path == "/raises" then error { status = 403, message = "no" } end
			if ctx.path == "/text" then return "yes" end
			if ctx.path == "/changes" then ctx:rewrite("/asked") end
			return origin:match("^https://%w+%.app%.example$") ~= nil
		end }
		function api.before.auth(ctx) if ctx.path == "/secret" then return api:error(401, "no") end end
		api.secret.limit { rate = 1, per = 3600 }
		function api.asked.get() local list = asked asked = {} return list end
		return api`)
	for _, c := range []struct {
		request, origin, want, vary string
		status                      int
	}{
		{"GET /passed", "https://a.app.example", "https://a.app.example", "Origin", 200},
		{"GET /passed", "https://evil.example", "", "Origin", 200},
		{"GET /passed", "https://a.app.example.evil.example", "", "Origin", 200},
		{"GET /passed", "null", "", "Origin", 200},
		{"GET /passed", "", "", "Origin", 200},
		{"GET /secret", "https://a.app.example", "https://a.app.example", "Origin", 401},
		{"GET /secret", "https://a.app.example", "", "Origin", 429}, // no Lua has run
		{"GET /raises", "https://a.app.example", "", "Origin", 403},
		{"GET /text", "https://a.app.example", "", "Origin", 500},
		{"GET /changes", "https://a.app.example", "", "Origin", 500},
		{"OPTIONS /passed", "https://a.app.example", "https://a.app.example", "Origin", 204},
		{"OPTIONS /passed", "https://evil.example", "", "Origin", 204},
		{"OPTIONS /passed", "null", "", "Origin", 204},
		{"OPTIONS /secret", "https://a.app.example", "", "Origin", 429}, // it calls Lua
		{"OPTIONS /raises", "https://a.app.example", "", "Origin", 403},
	} {
		headers := []string{"Access-Control-Request-Method: PUT"}
		if c.origin != "" {
			headers = append(headers, "Origin: "+c.origin)
		}
		w := s.do(c.request, "", headers...)
		got := w.Header().Get("Access-Control-Allow-Origin")
		if got != c.want || w.Code != c.status || w.Header().Get("Vary") != c.vary {
			t.Errorf("%s of %s: got %d %q %v, want %d %q", c.request, c.origin, w.Code, got, w.Header(), c.status, c.want)
		}
	}
	want := `["https://a.app.example/passed","https://evil.example/passed","https://a.app.example.evil.example/passed","https://a.app.example/secret",` +
		`"https://a.app.example/raises","https://a.app.example/text","https://a.app.example/changes","https://a.app.example/passed","https://evil.example/passed","https://a.app.example/raises"]`
	if got := answer(s.do("GET /asked", "")); got != "200 "+want {
		t.Errorf("asked: %s", got)
	}
}

// Informational responses and upgrades are left alone; streams have the headers once.
func TestCORSStreams(t *testing.T) {
	s := newServer(t, `
		local api = rover.server { cors_origin = "https://app.example", security_headers = true }
		function api.lua.get() local n = 0 return api.stream(200, "text/plain", function() n = n + 1 if n < 3 then return "x" end return nil end) end
		function api.after.see(ctx, res) end
		return api`)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = w.Write([]byte("x"))
		w.(http.Flusher).Flush()
		_, _ = w.Write([]byte("x"))
	})
	h := httptest.NewServer(s)
	defer h.Close()
	for _, target := range []string{"/lua", "/passed"} {
		r, _ := http.NewRequest("GET", h.URL+target, nil)
		r.Header.Set("Origin", "https://app.example")
		resp, err := h.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Header["Access-Control-Allow-Origin"]; !slices.Equal(got, []string{"https://app.example"}) {
			t.Errorf("%s: got %q", target, got)
		}
		if got := resp.Header["X-Content-Type-Options"]; !slices.Equal(got, []string{"nosniff"}) {
			t.Errorf("%s: got %q", target, got)
		}
		read(t, resp.Body, "xx")
		_ = resp.Body.Close()
	}
}

func TestCORSLoadErrors(t *testing.T) {
	for source, want := range map[string]string{
		`rover.server { cors_origin = "*", cors_credentials = true }`: "app.lua:1: rover.server: strict_mode blocks cors_origin='*' with cors_credentials=true. " +
			"Set a specific origin, or set allow_wildcard_cors_credentials = true",
		`rover.server { cors_origin = "https://app.example/" }`:                           `app.lua:1: rover.server: option cors_origin: "https://app.example/" is no origin: it has no path, and no slash at its end`,
		`rover.server { cors_origin = "null" }`:                                           `is no origin: any page can send it`,
		`rover.server { cors_origin = "https://u@a.example" }`:                            `is no origin: it has no user`,
		`rover.server { cors_origin = {} }`:                                               `option cors_origin: an origin expected`,
		`rover.server { cors_origin = true }`:                                             `option cors_origin: "*", an origin, a list of origins, a function or false expected, got boolean`,
		`rover.server { cors_origin = { a = "https://a.example" } }`:                      `a list of origins, a function or false expected, got table`,
		`rover.server { cors_credentials = "yes" }`:                                       "rover.server: cors_credentials should be a boolean, not string",
		`rover.server { allow_wildcard_cors_credentials = 1 }`:                            "rover.server: allow_wildcard_cors_credentials should be a boolean, not number",
		`rover.server { cors_max_age = 1.5 }`:                                             "option cors_max_age: whole seconds, 0 to 86400, expected, got 1.5",
		`rover.server { cors_origin = "https://a.example", cors_methods = "get" }`:        "option cors_methods: browsers tell get from GET",
		`rover.server { cors_origin = "https://a.example", cors_expose_headers = "a b" }`: `option cors_expose_headers: "a b" is no name`,
		`rover.server {}.cors { origin = "*", credentials = true }`:                       `bad argument #1 to cors (origin = "*" with credentials = true lets any site read what the user can: name the origins)`,
		`rover.server {}.a.cors { origin = "x" }`:                                         `bad argument #1 to cors (option 'origin': "x" is no origin`,
		`rover.server {}.a.cors { origins = "x" }`:                                        `unknown option "origins"`,
		`rover.server { cors_origin = "*" }.cors { origin = "*" }`:                        "api has its rule of cors already, at app.lua:1",
	} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		err := s.load("local api = " + source + " return api")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", source, err, want)
		}
		s.vm.Close(t.Context())
	}
}

// A page may read why a token was refused. Its preflight has none, and needs none.
func TestCORSBeforeAuth(t *testing.T) {
	s := newServer(t, `
		local api = rover.server { cors_origin = "https://app.example" }
		api.auth { jwt = ("k"):rep(32) }
		return api`)
	for request, want := range map[string]int{"GET /a": 401, "OPTIONS /a": 204} {
		w := s.do(request, "", "Origin: https://app.example", "Access-Control-Request-Method: GET")
		if got := w.Header().Get("Access-Control-Allow-Origin"); w.Code != want || got != "https://app.example" {
			t.Errorf("%s: got %d %q, want %d", request, w.Code, got, want)
		}
	}
}
