package lint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/geo"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/outbound"
)

// checkFile checks a script as it is, with what change sets.
func checkFile(t *testing.T, path string, change ...func(*luart.Script)) []Finding {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := luart.Script{Libraries: all.Libraries(), Path: path, Source: source}
	for _, f := range change {
		f(&s)
	}
	return Check(context.Background(), s)
}

// giveLittle gives a script what the first line of given.lua says.
func giveLittle(s *luart.Script) {
	s.Granted, s.Config, s.AllowEnv = true, map[string]string{"upstream": "http://localhost:1"}, true
	s.EnvPolicy, _ = environ.ParsePolicy([]string{"APP_*"}) // it is one
	s.Getenv = func(string) (string, bool) { return "", false }
}

// Where nothing is known of what a script gets, nothing is said of it; and with
// all that it needs there is nothing to say.
func TestCheckGiven(t *testing.T) {
	const path = "testdata/bad/given.lua"
	if found := checkFile(t, path); len(found) != 0 {
		t.Errorf("nothing is known: got %+v", found)
	}
	if found := checkFile(t, path, giveLittle, func(s *luart.Script) {
		s.EnvPolicy, s.Net, s.FakeNetwork, s.Geo = nil, outbound.NewPolicy(), luart.NoNetwork, geo.Nothing{}
		s.Files = files.Grants{{Dir: t.TempDir()}}
		s.Config["upstraem"] = "x"
	}); len(found) != 0 {
		t.Errorf("all is given: got %+v", found)
	}
}

// What is checked changes no files.
func TestCheckChangesNoFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.lua")
	source := `local api = rover.server {}
local ok, why = rover.fs.write("data/x", "y")
assert(ok == nil and why == "fs: data/x: check changes no files", why)
for _, change in ipairs { rover.fs.append, rover.fs.mkdir, rover.fs.remove } do
	ok, why = change("data/kept", "y")
	assert(ok == nil and why == "fs: data/kept: check changes no files", why)
end
assert(rover.fs.read("data/kept") == "kept")
function api.get() return "x" end
return api
`
	for name, text := range map[string]string{"app.lua": source, "data/kept": "kept"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "data"), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	found := checkFile(t, path, func(s *luart.Script) {
		s.Granted, s.Files = true, files.Grants{{Dir: filepath.Join(dir, "data")}}
	})
	if len(found) != 0 {
		t.Errorf("got %+v", found)
	}
	if list, err := os.ReadDir(filepath.Join(dir, "data")); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
}

// marks are the codes that the lines of a file announce: "--> code code".
func marks(t *testing.T, path string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		if _, codes, ok := strings.Cut(line, "--> "); ok {
			for _, code := range strings.Fields(codes) {
				list = append(list, fmt.Sprintf("%s:%d %s", path, i+1, code))
			}
		}
	}
	return list
}

// Each script in bad has mistakes, which are found on the lines that are marked, and nothing
// else is.
func TestCheckBad(t *testing.T) {
	paths, _ := filepath.Glob("testdata/bad/*.lua")
	if len(paths) < 30 {
		t.Fatalf("only %d scripts", len(paths))
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want := marks(t, path)
			folder := map[string]string{"in_module.lua": "lib", "module_loop.lua": "loop"}[filepath.Base(path)]
			modules, _ := filepath.Glob(filepath.Join("testdata/bad", folder, "*.lua"))
			for _, m := range modules {
				if folder != "" {
					want = append(want, marks(t, m)...)
				}
			}
			if len(want) == 0 {
				t.Fatal("no line is marked")
			}
			var given []func(*luart.Script)
			if filepath.Base(path) == "given.lua" {
				given = append(given, giveLittle)
			}
			var got []string
			for _, f := range checkFile(t, path, given...) {
				got = append(got, fmt.Sprintf("%s:%d %s", f.File, f.Line, f.Code))
				if f.Column == 0 || f.Message == "" || f.Source == "" || f.Severity != Error && f.Severity != Warning {
					t.Errorf("incomplete: %+v", f)
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// Each code of docs/commands.md is that of a planted mistake, and the other way round.
func TestCheckPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	// What cannot be read is found by the command, before there is anything to look at.
	documented, planted := map[string]bool{}, map[string]bool{"unreadable": true, "caddyfile": true} // of files, for internal/cli
	_, section, _ := strings.Cut(string(page), "| code | |\n|---|---|\n")
	section, _, _ = strings.Cut(section, "\n\n")
	for row := range strings.Lines(section) {
		for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
			documented[m[1]] = true
		}
	}
	scripts, _ := filepath.Glob("testdata/bad/*.lua")
	modules, _ := filepath.Glob("testdata/bad/*/*.lua")
	for _, path := range append(scripts, modules...) {
		for _, mark := range marks(t, path) {
			planted[strings.Fields(mark)[1]] = true
		}
	}
	planted[Unreadable("x.lua", os.ErrNotExist).Code] = true // no script can have it
	if !maps.Equal(documented, planted) {
		t.Errorf("documented: %v\nplanted:    %v", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(planted)))
	}
}

// Where a hint can say what to write it does.
func TestCheckHints(t *testing.T) {
	for code, want := range map[string]string{
		"function api.get(ctx) return ctx:json() end":                                                   "write ctx:body():json()",
		"function api.users.id.get(ctx) return ctx:param('id') end":                                     "write p_id for a segment that is a parameter: id stands for itself",
		"function api.before(ctx) end":                                                                  `a hook needs a name: function api.before.NAME(ctx); for the path /before write api:at("/before")`,
		"function api.befor.guard(ctx) end":                                                             "did you mean before.guard?",
		"function api.users.gte(ctx) end":                                                               "did you mean get?",
		"function api.get() return api.proxy('a:1', { retry = { backof = 1 } }) end":                    "did you mean backoff?",
		"api.doc { get = { responses = { [200] = { exmple = 1 } } } }\nfunction api.get() return 1 end": "did you mean example?",
		"api.get('/users', function() end)":                                                             "api has no builder get: a route is function api.users.get(ctx)",
		"function api.get(ctx, res) res:send('x') end":                                                  "return the answer: return api.text(…):set_header(…)",
		"function api.get(ctx) return ctx:body().name end":                                              "write ctx:body():json().name, or ctx:body():form().name",
		"function api.get() return 404, {} end":                                                         "write the value first, and the status behind it",
		"function api.get() return api.proxy(3000) end":                                                 `write api.proxy "localhost:3000"`,
		"function api.before.x(ctx) ctx:set_header { A = '1' } end":                                     "write ctx:set_header(name, value) for each",
		"function api.get(ctx) local s = 'a' + ctx.path return s end":                                   "write .. to join strings",
		"function api.get(ctx)\n if a then return 1 else if b then return 2 end\nend":                   "else if opens another block, which needs an end of its own: write elseif",
	} {
		path := filepath.Join(t.TempDir(), "app.lua")
		source := "local api = rover.server {}\nlocal a, b = 1, 2\n" + code + "\nreturn api\n"
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		found := checkFile(t, path)
		if len(found) != 1 || found[0].Hint != want {
			t.Errorf("%s: want %s, got %+v", code, want, found)
		}
	}
}

// An address that is no address is found where it is written.
func TestCheckProxyAddress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.lua")
	source := "local api = rover.server {}\nfunction api.get() return api.proxy('http://a:1/path') end\n" +
		"function api.b.get() return api.proxy('a:1') end\nfunction api.c.get() return api.proxy('unix:/path') end\nreturn api\n"
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	found := checkFile(t, path, func(s *luart.Script) {
		s.CheckUpstream = func(address string) error {
			if strings.Contains(address, "/path") {
				return errors.New("has a path")
			}
			return nil
		}
	})
	if len(found) != 2 || found[0].Line != 2 || found[0].Code != "bad-argument" || found[0].Message != "api.proxy: has a path" ||
		!strings.Contains(found[0].Hint, "ctx:rewrite") || found[1].Line != 4 || found[1].Hint != "" {
		t.Errorf("%+v", found)
	}
}

// An option of a rule is said to be one of what the script calls.
func TestCheckRuleOptions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.lua")
	source := "local api = rover.server {}\napi.login.limit { rat = 5, rate = 5, per = 1 }\nreturn api\n"
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	found := checkFile(t, path)
	if len(found) != 1 || found[0].Message != `unknown option "rat" of api.….limit` {
		t.Errorf("%+v", found)
	}
}

// A value that an option cannot be is refused in the words in which the call refuses it.
func TestCheckOptionValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.lua")
	source := "local api = rover.server {}\nfunction api.get(ctx)\n  return ctx:proxy('a:1', { tries = 2, timeout = '0.3s' })\nend\nreturn api\n"
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	found := checkFile(t, path)
	if len(found) != 1 || found[0].Line != 3 || found[0].Column != 40 || found[0].Message != "ctx:proxy: option timeout: seconds above 0 expected, got 0.3s" {
		t.Errorf("%+v", found)
	}
}

// Nothing is wrong with unusual scripts.
func TestCheckGood(t *testing.T) {
	paths, _ := filepath.Glob("testdata/good/*.lua")
	if len(paths) == 0 {
		t.Fatal("no scripts")
	}
	apps, _ := filepath.Glob("../testdata/app/*.lua")
	if len(apps) == 0 {
		t.Fatal("no scripts in ../testdata/app")
	}
	for _, path := range append(paths, apps...) {
		for _, f := range checkFile(t, path) {
			t.Errorf("%s", f)
		}
	}
}

// Nothing is wrong with the scripts of the examples and of the documentation.
func TestCheckDocs(t *testing.T) {
	configs, _ := filepath.Glob("../../examples/*/Caddyfile")
	if len(configs) == 0 {
		t.Fatal("no examples")
	}
	for _, config := range configs {
		if _, err := os.Stat(filepath.Join(filepath.Dir(config), "go.mod")); err == nil {
			continue // it has a library: TestLibraryExample checks it, in a Caddy that has, too
		}
		text, err := os.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		set := map[string]string{}
		for _, m := range regexp.MustCompile(`(?m)^\s*set (\S+) (.*)$`).FindAllStringSubmatch(string(text), -1) {
			value := regexp.MustCompile(`\{\$\w+:([^}]*)\}`).ReplaceAllString(m[2], "$1")
			set[m[1]] = strings.Trim(value, `"`)
		}
		scripts, _ := filepath.Glob(filepath.Join(filepath.Dir(config), "*.lua"))
		for _, path := range scripts {
			if strings.HasSuffix(path, "_test.lua") { // what caddy rover test runs
				continue
			}
			for _, f := range checkFile(t, path, func(s *luart.Script) { s.Config = set }) {
				t.Errorf("%s", f)
			}
		}
	}
	pages, _ := filepath.Glob("../../docs/*.md")
	cookbook, _ := filepath.Glob("../../docs/cookbook/*.md")
	pages = append(pages, cookbook...)
	blocks := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile("(?s)```lua\n(.*?)```").FindAllStringSubmatch(string(text), -1)
		at := filepath.Join(t.TempDir(), filepath.Base(page))
		for _, b := range found { // files that the scripts of the page load
			first, _, _ := strings.Cut(b[1], "\n")
			if name := strings.TrimPrefix(first, "-- "); name != first && filepath.Base(name) == name && strings.HasSuffix(name, ".lua") {
				if err := os.WriteFile(filepath.Join(filepath.Dir(at), name), []byte(b[1]), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, b := range found {
			blocks++
			// One shows what an error looks like, TestDocsLibrary checks another, and some are tests.
			if strings.HasPrefix(b[1], "-- with debug\n") || strings.HasPrefix(b[1], "-- with rover.slug\n") || !IsServerScript([]byte(b[1])) {
				continue
			}
			set := map[string]string{"token": "s3cret", "key": strings.Repeat("k", 32), "upstream": "http://127.0.0.1:1", "redis": "redis://127.0.0.1:1"}
			for _, f := range Check(context.Background(), luart.Script{Libraries: all.Libraries(), Path: at, Source: []byte(b[1]), Config: set}) {
				t.Errorf("%s", f)
			}
		}
	}
	if blocks == 0 {
		t.Error("no Lua blocks")
	}
}
