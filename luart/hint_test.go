package luart

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// Each mistake in the syntax has its hint, and its neighbour that looks like it has none.
func TestSyntaxHints(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for _, tt := range []struct{ source, hint string }{
		{"if a != b then end", "Lua writes ~= for !="},
		{"if !a then end", "Lua writes not for !"},
		{"if a && b then end", "Lua writes and for &&"},
		{"if a || b then end", "Lua writes or for ||"},
		{"n++", "Lua has no ++: write n = n + 1"},
		{"n += 1", "Lua has no +=: write n = n + 1"},
		{"n -= 1", "Lua has no -=: write n = n - 1"},
		{"n *= 1", "Lua has no *=: write n = n * 2"},
		{"n /= 1", "Lua has no /=: write n = n / 2; not equal is ~="},
		{"a = '!=' b &| c", ""},
		{"n = 1 + + 2", ""},
		{"n + = 1", ""},
		{"if a & b then end", ""},

		{"if a = 1 then end", "= assigns; == compares"},
		{"while a.b = 1 do end", "= assigns; == compares"},
		{"if a then b = = 1 end", ""},
		{"if a == 1 = 2 then end", ""},
		{"ifs = = 1", ""},

		{"function f()\n", "a block is open at the end of the file: a function, if, for, while or do lacks its end"},
		{"for i = 1, 2 do if i then", "a block is open at the end of the file: a function, if, for, while or do lacks its end"},
		{"f(function() return 1", `a call is open at the end of the file: a function in its arguments lacks "end)"`},
		{"f(1, 2", `a bracket is open at the end of the file: ")" is missing`},
		{"t = { 1, 2", `a bracket is open at the end of the file: "}" is missing`},
		{"repeat f()", "a repeat is open at the end of the file: it lacks its until"},
		{"x =", ""},
		{"x = 1 +", ""},

		{"function f() end\nend\n", "this end closes nothing: there is one too many, or the block was closed before"},
		{"if a then end end", "this end closes nothing: there is one too many, or the block was closed before"},
		{"function f() return 1 end end", "this end closes nothing: there is one too many, or the block was closed before"},
		{"function f() x = end", ""},
		{"return a b", ""},
		{"function f() return 1 end\nx = = 1", ""},
		{"function f()\n  if a then return 1 end\n  )\nend", ""},
		{"return 1\nf()", "return must be the last statement of its block"},
		{"function f()\n  return 1\n  g()\nend", "return must be the last statement of its block"},
		{"if a then return else b() end x = = 1", ""},
		{"x = 1 y z", ""},

		{"// comment", "Lua has no //: a comment begins with --"},
		{"x = 1 // comment", "Lua has no //: a comment begins with --"},
		{"x = 'a//' / /", ""},
		{"const x = 1", "Lua writes local for const, let and var"},
		{"  let x = 1", "Lua writes local for const, let and var"},
		{"lets x = 1", ""},
		{"function api.get('/users') end", "the path of a route is in its name: function api.users.p_id.get(ctx) is GET /users/:id"},
		{"function api.get(1) end", ""},
		{"return { status: 'ok' }", "Lua writes = between name and value: { name = value }"},
		{"return { a = 1, n: 1 }", "Lua writes = between name and value: { name = value }"},
		{"return { a:b }", ""},
		{"if a then b() else if c then d() end", "else if opens another block, which needs an end of its own: write elseif"},
		{"if a then b() else if c then d() end end if e then", "a block is open at the end of the file: a function, if, for, while or do lacks its end"},
	} {
		err := s.load(tt.source)
		var syntax *chunk.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: got %v, want a syntax error", tt.source, err)
			continue
		}
		if got := syntax.About.Hint; got != tt.hint {
			t.Errorf("%q: %v\ngot  %q\nwant %q", tt.source, err, got, tt.hint)
		}
	}
}

func TestEndHints(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for source, hint := range map[string]string{
		"local api = rover.server {}\nfunction api.get() end\n": `add "return api" as the last line`,
		"local a = rover.server {}\nreturn {}":                  "return a, what rover.server returned",
		"rover.server {}":                                       `a script begins with "local api = rover.server {}" and ends with "return api"`,
		"return {}":                                             `a script begins with "local api = rover.server {}" and ends with "return api"`,
	} {
		var script *ScriptError
		if err := s.load(source); !errors.As(err, &script) {
			t.Errorf("%q: got %v", source, err)
		} else if got := script.About().Hint; got != hint {
			t.Errorf("%q:\ngot  %q\nwant %q", source, got, hint)
		}
	}
}

// Each mistake in a handler has its hint. The code after it, if there is any, looks like it, fails
// too, and must not have that hint.
func TestHints(t *testing.T) {
	const noGlobal = ": there is no global and no local variable of that name"
	for _, tt := range []struct{ code, hint, near string }{
		{"return api.error(401, 'no')", "write api:error(status, message)", "return api:error('no', 401)"},
		{"return api.json.status(404, {})", "write api.json:status(…)", "return api.json:status('x', {})"},
		{"return api.text.status('x', 404)", "write api.text:status(…)", "local t = api.text return t.status(t, 'x', 'y')"},
		{"return api.redirect.permanent('/')", "write api.redirect:permanent(…)", "return api.redirect:permanent({})"},
		{"return api.html:stauts(404, '')", "did you mean api.html:status(…)?", "return api.html:color(404, '')"},
		{"return api.jsno({})", "api has no builder jsno; did you mean json?", "api.users.get = print"},
		{"return api.get('/users', print)", "api has no builder get: a route is function api.users.get(ctx)", "api.users.get = print"},
		{"return rover.server.get", "rover.server is a function: call it, rover.server {}", "return rover.json.decode.get"},
		{"return api.fetch({})", "api has no builder fetch", "return api.users.get({})"},
		{"api.late.get = function() end", "define routes and hooks at the top level of the script, when it loads", "error('routes cannot be changed')"},
		{"function api.late.get() end", "define routes and hooks at the top level of the script, when it loads", ""},

		{"return ctx.params.id", "ctx.params is a method: call it, ctx:params(…)", "local ctx = { params = print } return ctx.params.id"},
		{"local p = ctx.params return p.id", "ctx.params is a method: call it, ctx:params(…)", "local p = ctx.params p = print return p.id"},
		{"for k in pairs(ctx.headers) do end", "ctx.headers is a method: call it, ctx:headers(…)", "for k in pairs(print) do end"},
		{"return ctx.path .. ctx.request_id", "ctx.request_id is a method: call it, ctx:request_id(…)", "return ctx.path .. ctx.tls"},
		{"return ctx.header('x')", "write ctx:header(…) with a colon", "return ctx:header({})"},
		{"return ctx.params()", "write ctx:params(…) with a colon", "local t = { params = ctx.params } return t:params()"},
		{"return ctx:path()", "ctx.path is a field: leave out the parentheses", "local ctx = { path = 1 } return ctx:path()"},
		{"return ctx:haeder('x')", "ctx has no field or method haeder; did you mean header?", "return ctx:fetch_all('x')"},
		{"return ctx.boyd:text()", "ctx has no field or method boyd; did you mean body?", "local b = ctx.tls return b:text()"},

		{"return ctx:header('x'):lower()", `the request has no header "x": ctx:header(…) is nil then`, "local h h = ctx:header('x') return h:lower()"},
		{"local h = ctx:header('x-y') return h:lower()", `the request has no header "x-y": ctx:header(…) is nil then`, "return ctx:header('x') + 1"},
		{"local n = 'x' return ctx:cookie(n):lower()", "the request has no such cookie: ctx:cookie(…) is nil then", "return ctx:get('x'):lower()"},
		{"return ctx:param('x'):lower()", `the request has no path parameter "x": ctx:param(…) is nil then`, ""},
		{"return ctx:query().q:lower()", `the request has no query parameter "q": ctx:query().q is nil then`, "return ctx:query():all('q').x.y"},
		{"return ctx:params().x:lower()", `the request has no path parameter "x": ctx:params().x is nil then`, ""},
		{"local res = rover.http.get('http://127.0.0.1:1/') return res.status", "rover.http.get returned nil: its second result says why", "local res = rover.cache('c'):get('k') return res.status"},

		{"return jsno.encode({})", "jsno is nil" + noGlobal, "local jsno return jsno.encode({})"},
		{"return json.encode({})", "json is nil" + noGlobal + "; did you mean rover.json?", "local json return json.encode({})"},
		{"return stirng.upper('x')", "stirng is nil" + noGlobal + "; did you mean string?", "local t = {} return t.stirng.upper('x')"},
		{"return string.uper('x')", "string has no uper; did you mean upper?", "return string.trim('x')"},
		{"return rover.jsn.encode({})", "rover has no jsn; did you mean json?", "return rover.json.x.y"},
		{"local j = rover.json return j.encoed({})", "j has no encoed; did you mean encode?", "local j = {} return j.encoed({})"},
		{"return rover.hex.parse('x')", "rover.hex has no parse; there are decode, encode", "local t = {} return t.parse('x')"},
		{"local c = rover.cache('c') return c:gett('k')", "c is a cache, which has no method gett; did you mean get?", "local c = {} return c:gett('k')"},
		{"local r = rover.lock('c') return r:open()", "r is a lock, which has no method open; there are acquire, held, release, with", ""},
		{"return rover.cache('c'):fecth('k')", "it is a cache, which has no method fecth; did you mean fetch?", "return rover.cache('c'):fetch('k')"},
		{"return api.text('x'):set_headr('a', 'b')", "it is a response, which has no method set_headr; did you mean set_header?", "return api.text('x'):set_header('a', {})"},
		{"local r = api.json:status(201, {}) r:set_cokie{}", "r is a response, which has no method set_cokie; did you mean set_cookie?", "local r = api.json({}) r:set_cookie{}"},
		{"return api:html('x'):set_header('a', 'b'):cookie('c')", "it is a response, which has no method cookie; there are add_header, body, edit_json, header, headers, on_chunk, remove_header, replace, set_body, set_cookie, set_header", "return api.html({}):cookie('c')"},
		{"local r = api.text('x') return r:body():txt()", "it is a response body, which has no method txt; did you mean text?", ""},
		{"return ctx:body():txt()", "it is a body, which has no method txt; did you mean text?", ""},
		{"local b = ctx:body():bytes() return b[1] + 1", "a string has no elements: b:byte(i) is its byte i, as a number", "local b = {} return b[1] + 1"},
		{"local b, i = ctx:body():text(), 1 if b[i] < 7 then return 1 end", "a string has no elements: b:byte(i) is its byte i, as a number", "local b = 'x' b = ctx:body():text() return b[1] + 1"},

		{"return tostrin(1)", "tostrin is nil" + noGlobal + "; did you mean tostring?", "tostrin = 5 local v = tostrin() tostrin = nil"},
		{"return sleep(1)", "sleep is nil" + noGlobal + "; did you mean rover.sleep?", ""},
		{"local helper = 1 return helpr(1)", "helpr is nil" + noGlobal + "; did you mean helper?", "return qqqq(1)"},
		{"return dofile('x')", "scripts have no dofile: use require", ""},
		{"return null.x", "Lua writes nil", ""},
		{"return res:set_header('a', 'b')", "res is nil: the function has no parameter of that name", "local res return res:set_header('a', 'b')"},
		{"local t = {} for k in t do end", "for … in needs an iterator: write pairs(t) or ipairs(t) if it is a table", "local f = function() return nil end for k in f() do end"},

		// What names the thing, and no more, where only one can have failed.
		{"local f f(1)", "f is not a function here", ""},
		{"local t = {} return t.name.first", "t.name is nil here", ""},
		{"local a return { a.x, a.y, a.x }", "a is nil here", ""},
		{"local a = ctx:get('a') return { a.x, a.x }", "a is nil here", ""},
		{"local a, b = ctx:get('a'), 1 return { a.x, b.x }", "", ""},

		// A local that was declared with what there is not.
		{"local crypt = rover.crypt return { crypt.sha256('x'), crypt.sha256('y') }", "rover has no crypt; did you mean crypto?", "local crypt = rover.crypt crypt = nil return crypt.sha256('x')"},
		{"config = {} return config()", "config is not a function here", ""},
		{"local f, g f(g())", "", ""},
		{"local t = {} return t.a.x or t.b.x", "", ""},
		{"setfenv(1, {}) jsno.encode({})", "", ""},
		{"error('attempt to call a non-function object', 0)", "", ""},
		{"error({ message = 'attempt to call a non-function object' })", "", ""},
		{"local ok, err = pcall(function() nope() end) error(err)", "", ""},
		{"return load('nope()', '=app.lua')()", "", ""},
	} {
		if got := hintFor(t, tt.code); got != tt.hint {
			t.Errorf("%s\ngot  %q\nwant %q", tt.code, got, tt.hint)
		}
		if tt.near != "" {
			if got := hintFor(t, tt.near); got == tt.hint {
				t.Errorf("%s\nhas the hint of %s: %q", tt.near, tt.code, got)
			}
		}
	}
}

// hintFor returns the hint of the log line of a handler that fails.
func hintFor(t *testing.T, code string) string {
	t.Helper()
	source := "local api = rover.server {}\napi.users = {}\nfunction api.go.get(ctx)\n  " + code + "\nend\nreturn api\n"
	s := newServer(t, source, func(s *Script) { s.Net = outbound.NewPolicy() })
	if got := answer(s.do("GET /go", "")); got != `500 {"error":"internal error"}` {
		t.Errorf("%s: got %s", code, got)
	}
	logs := s.logged("script error")
	if len(logs) != 1 {
		t.Fatalf("%s: %d log lines", code, len(logs))
	}
	hint, _ := logs[0].ContextMap()["hint"].(string)
	return hint
}

// Mistakes outside of a route's function.
func TestHintsElsewhere(t *testing.T) {
	for _, tt := range []struct{ source, hint string }{
		{"function api.users.gte() end", "did you mean get?"},
		{"function api.users.list() end", ""},
		{"api.jsn({})", "api has no builder jsn; did you mean json?"},
		{"api.users({})", "api has no builder users"},
		{"local x = jsn.encode(1)", "jsn is nil: there is no global and no local variable of that name"},
		{"require 'm'", "Lua writes ~= for !="},
	} {
		s := newServer(t, "return rover.server {}")
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/m.lua", []byte("-- a\nif a != 1 then end\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := s.load("local api = rover.server {}\n"+tt.source+"\nreturn api", func(s *Script) { s.Path = dir + "/app.lua" })
		if got := scripterror.Details(err); strings.Contains(got, "hint: ") != (tt.hint != "") || !strings.Contains(got, tt.hint) {
			t.Errorf("%s: %v%s\nwant the hint %q", tt.source, err, got, tt.hint)
		}
	}

	s := newServer(t, `local api = rover.server {}
function api.get(ctx) return "x" end
function api.before.check(ctx)
  if ctx:query().before then return ctx.params.id end
end
function api.after.set(ctx, res)
  if ctx:query().set then
    res.header["X-A"] = "1"
  elseif ctx:query().get then
    return res.headers.a
  elseif ctx:query().colon then
    return res.header("X-A")
  elseif ctx:query().own then
    local res = { header = print }
    res.header["X-A"] = "1"
  end
end
return api`)
	for query, hint := range map[string]string{
		"before": "ctx.params is a method: call it, ctx:params(…)",
		"set":    "headers are set with res:set_header(name, value)",
		"get":    "res.headers is a method: call it, res:headers(…)",
		"colon":  "write res:header(…) with a colon",
		"own":    "",
	} {
		s.logs.TakeAll()
		s.do("GET /?"+query, "")
		logs := s.logged("script error")
		if len(logs) == 0 {
			t.Errorf("%s: no log line", query)
			continue
		}
		if got, _ := logs[0].ContextMap()["hint"].(string); got != hint {
			t.Errorf("%s: got %q, want %q", query, got, hint)
		}
	}
}

// The fields of ctx that hints know are those that ctxField knows.
func TestCtxFields(t *testing.T) {
	source, err := os.ReadFile("ctx.go")
	if err != nil {
		t.Fatal(err)
	}
	body := regexp.MustCompile(`(?s)func ctxField\(.*?\n}\n`).FindString(string(source))
	var known []string
	for _, line := range regexp.MustCompile(`case (".*"):`).FindAllStringSubmatch(body, -1) {
		for name := range strings.SplitSeq(line[1], ", ") {
			known = append(known, strings.Trim(name, `"`))
		}
	}
	want := slices.Sorted(slices.Values(objectFields[chunk.KindCtx]))
	slices.Sort(known)
	if len(known) < 10 || !slices.Equal(known, want) {
		t.Errorf("ctxField knows %v, hints %v", known, want)
	}
}

// FuzzHint: whatever a script is and whatever its errors say, looking for a hint ends.
func FuzzHint(f *testing.F) {
	for _, source := range []string{
		"x.y.z()", "for a in b do c:d(e.f) end", "local a, b = f() a() b.x = 1", "repeat local x until x()", "a = {b = function(ctx) return ctx.x end}",
		"local api = rover.server {} function api.after.x(ctx, res) res.a.b = ctx:c() end", "function a:b() self.c() end", "x =", "end", "f(", "#!x\nf()",
	} {
		f.Add(source, "attempt to call a non-function object")
		f.Add(source, "attempt to index a non-table object(nil) with key 'z'")
		f.Add(source, "bad argument #1 to x (response expected, got string)")
	}
	s := newServer(f, "return rover.server {}")
	f.Fuzz(func(t *testing.T, source, message string) {
		if len(source) > 1000 {
			return
		}
		_, err := chunk.Compile([]byte(source), "app.lua")
		g := &Generation{vm: s.vm, env: s.gen.env, api: s.gen.api}
		g.sources.Add("app.lua", []byte(source), err)
		file := g.sources.Get("app.lua")
		if file.Broken != nil {
			g.explainSyntax(file.Broken)
			_ = file.Broken.About.String()
			return
		}
		err = s.vm.loop.DoAdmitted(func(*thread) error {
			for n := range file.Lines() {
				_ = g.explain(&ScriptError{Message: fmt.Sprintf("app.lua:%d: %s", n+1, message)}).String()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
