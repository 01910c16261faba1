package luart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/response"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// What a client and the log are told is of the source as it was loaded.
func TestExplainLoadErrors(t *testing.T) {
	vm := newServer(t, "return rover.server {}").vm
	dir := t.TempDir()
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "broken.lua"), []byte("local a = 1\n\tlocal b == 2\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "fails.lua"), []byte("local function f() error('no') end\nf()\n"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	load := func(source string) error {
		_, err := vm.Load(t.Context(), Script{Libraries: all.Libraries(), Path: filepath.Join(dir, "app.lua"), Source: []byte(source), Burst: time.Minute})
		return err
	}
	for _, tt := range []struct{ source, want string }{
		{"\n\nlocal x = = 1\nreturn x", `app.lua:3: syntax error near '='
  1 |
  2 |
> 3 | local x = = 1
    |           ^
  4 | return x`},
		{"\xef\xbb\xbflocal größe = 'ü' 'y'", `app.lua:1: invalid token near '\xc3'
> 1 | local größe = 'ü' 'y'
    |         ^`},
		{"x = 'ü' ) 1", "app.lua:1: syntax error near ')'\n> 1 | x = 'ü' ) 1\n    |         ^"},
		{"\tx = 'a' 'b'\n", "app.lua:1: syntax error near 'b'\n> 1 | \tx = 'a' 'b'\n    | \t          ^"},
		{"local x = 1\nboom()\n", "stack traceback:\n\tapp.lua:2: in main chunk"},
		{"local x = 1\nerror('a\\nb')", "app.lua:2: a\nb\n  1 | local x = 1\n> 2 | error('a\\nb')\nstack traceback:\n\t[G]: in function 'error'\n\tapp.lua:2: in main chunk"},
		{"-- x\nrequire 'broken'", "app.lua:2: loading module \"broken\": broken.lua:2: syntax error near '=='\n  1 | local a = 1\n> 2 | \tlocal b == 2\n    | \t        ^"},
		{"-- x\nrequire 'fails'", "fails.lua:1: no\n> 1 | local function f() error('no') end\n  2 | f()\nstack traceback:"},
		{"local a = 1\nreturn 3\n\n", "app.lua: the script never called rover.server {}\n  1 | local a = 1\n> 2 | return 3"},
		{"rover.server {}\nlocal b = 1\n", `must end with "return api", it returned a nil` + "\n  1 | rover.server {}\n> 2 | local b = 1"},
	} {
		err := load(tt.source)
		if err == nil {
			t.Fatalf("%q loaded", tt.source)
		}
		if got := err.Error() + scripterror.Details(err); !strings.Contains(got, tt.want) {
			t.Errorf("%q:\ngot  %s\nwant %s", tt.source, got, tt.want)
		}
		if !IsScript(err) {
			t.Errorf("%q: %v is not the script's", tt.source, err)
		}
	}
	if got := scripterror.Details(errors.New("x")); got != "" {
		t.Errorf("another error: got %q", got)
	}
}

const brokenPage = `local api = rover.server {}
local function helper(x)
  return x.name .. "<script>alert(1)</script>"
end
function api.page.w_rest.get(ctx)
  return (helper(nil))
end
function api.says.get(ctx) error("<script>" .. ctx:query().m) end
function api.deep.get() error { status = 409, message = "taken" } end
function api.object.get() error({}) end
function api.kind.get() return print end
function api.lost.get() error("no position", 0) end
return api
`

func (s *server) page(method, path string, accept ...string) *http.Response {
	s.t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Header["Accept"] = accept
	r.Header.Set("X-Request-Id", "id-7")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDebugPage(t *testing.T) {
	s := newServer(t, brokenPage, func(s *Script) { s.Debug = true })
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

	res := s.page("GET", "/page/%3Cscript%3E?a=<script>", browser)
	page := readAll(t, res.Body)
	if res.StatusCode != 500 || res.Header.Get("Content-Type") != response.TypeHTML {
		t.Fatalf("got %d %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	for _, want := range []string{
		"app.lua:3: attempt to index a non-table object(nil) with key &#39;name&#39;",
		"<mark><span><i>3</i>  return x.name .. &#34;&lt;script&gt;alert(1)&lt;/script&gt;&#34;</span></mark>",
		"<span><i>1</i>local api = rover.server {}</span>", "<span><i>8</i>",
		"GET /page/:rest", "GET /page/%3Cscript%3E?a=&lt;script&gt;", "id-7",
		"<code>app.lua:6: in the handler</code><code class=\"dim\">return (helper(nil))</code>",
		"prefers-color-scheme: dark",
	} {
		if !strings.Contains(page, want) && !strings.Contains(page, strings.ReplaceAll(want, "/page/:rest", "/page/*rest")) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<i>9</i>") || len(page) > 8<<10 {
		t.Errorf("a page of %d bytes:\n%s", len(page), page)
	}
	page = readAll(t, s.page("GET", "/says?m=%3Cb%3E%FF", browser).Body)
	if !strings.Contains(page, "app.lua:8: &lt;script&gt;&lt;b&gt;\uFFFD") || strings.Contains(page, "<b>") {
		t.Errorf("a message of the client's:\n%s", page)
	}

	for _, tt := range []struct {
		accept []string
		html   bool
	}{
		{[]string{browser}, true},
		{[]string{"application/json", "text/html"}, true},
		{[]string{"text/html;q=0.5, application/json;q=0.4"}, true},
		{[]string{"TEXT/HTML ; level=1; Q=1"}, true},
		{nil, false},
		{[]string{"*/*"}, false},
		{[]string{"text/*"}, false},
		{[]string{"text/html;q=0"}, false},
		{[]string{"text/html;q=x"}, false},
		{[]string{"text/html;q=NaN"}, false},
		{[]string{"text/html;q=0.4, application/json;q=0.5"}, false},
		{[]string{"application/json"}, false},
	} {
		res := s.page("GET", "/says?m=x", tt.accept...)
		if got := res.Header.Get("Content-Type") == response.TypeHTML; got != tt.html {
			t.Errorf("Accept %q: HTML %v", tt.accept, got)
		}
		if res.Header.Get("Content-Type") != response.TypeHTML && res.Header.Get("Content-Type") != response.TypeJSON {
			t.Errorf("Accept %q: %v", tt.accept, res.Header)
		}
	}
	if res := s.page("HEAD", "/says?m=x", browser); res.Header.Get("Content-Type") != response.TypeJSON || readAll(t, res.Body) != "" {
		t.Errorf("HEAD: %v", res.Header)
	}
	res = s.page("GET", "/deep", browser)
	if got := readAll(t, res.Body); res.StatusCode != 409 || got != `{"error":"taken"}` {
		t.Errorf("an answer of the script's own: %d %s", res.StatusCode, got)
	}

	s = newServer(t, brokenPage)
	res = s.page("GET", "/page/x", browser)
	if got := readAll(t, res.Body); got != `{"error":"internal error"}` || res.Header.Get("Content-Type") != response.TypeJSON {
		t.Errorf("without debug: %v %s", res.Header, got)
	}
}

func TestDebugJSON(t *testing.T) {
	s := newServer(t, brokenPage, func(s *Script) { s.Debug = true })
	get := func(path string) (got map[string]any) {
		t.Helper()
		if err := json.Unmarshal([]byte(readAll(t, s.page("GET", path).Body)), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	got := get("/page/x")
	want := map[string]any{
		"error": "app.lua:3: attempt to index a non-table object(nil) with key 'name'",
		"at":    "app.lua:3",
		"source": []any{
			"  1 | local api = rover.server {}",
			"  2 | local function helper(x)",
			`> 3 |   return x.name .. "<script>alert(1)</script>"`,
			"  4 | end",
			"  5 | function api.page.w_rest.get(ctx)",
			"  6 |   return (helper(nil))",
			"  7 | end",
			`  8 | function api.says.get(ctx) error("<script>" .. ctx:query().m) end`,
		},
	}
	for k, v := range want {
		if fmt.Sprint(got[k]) != fmt.Sprint(v) {
			t.Errorf("%s: got %v, want %v", k, got[k], v)
		}
	}
	if trace := fmt.Sprint(got["traceback"]); !strings.HasPrefix(trace, "[app.lua:3: in function 'helper' ") || strings.Contains(trace, "?") {
		t.Errorf("traceback: %s", trace)
	}
	for path, at := range map[string]string{
		"/object": "app.lua:10", "/kind": "app.lua:11", "/lost": "app.lua:12",
	} {
		if got := get(path); got["at"] != at {
			t.Errorf("%s: at %v, want %s", path, got["at"], at)
		}
	}
	line := s.logged("script error")[0].ContextMap()
	if line["source"] != `return x.name .. "<script>alert(1)</script>"` {
		t.Errorf("log line: %v", line)
	}
}

// FuzzExplain: whatever a message or a traceback says, it is explained.
func FuzzExplain(f *testing.F) {
	for _, seed := range []string{
		"app.lua:2: boom", "app.lua:2", `app.lua:1: loading module "x": m.lua:1: y`, "app.lua:\xff:", "\n\tapp.lua:1: in function 'x'",
	} {
		f.Add(seed, seed)
	}
	vm := newVM(f, VMOptions{})
	f.Cleanup(func() { vm.Close(context.Background()) })
	f.Fuzz(func(t *testing.T, message, traceback string) {
		g := &Generation{vm: vm, env: &lua.LTable{}, api: api.New(vm.main, vm.types.api)}
		g.sources.Add("app.lua", []byte("local a\r\n\xffb()\n"), nil)
		err := &ScriptError{Message: message, Traceback: traceback}
		if e := g.explain(err); e == nil || err.About() != e {
			t.Fatalf("explained as %v, and then as %v", e, err.About())
		}
	})
}
