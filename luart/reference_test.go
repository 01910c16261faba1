package luart

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/geo/geotest"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/reference"
	"github.com/caddy-rover/rover/luart/store/storetest"
	stubs "github.com/caddy-rover/rover/luart/types"
)

// stubModules reads the files of definitions for editors.
func stubModules(t *testing.T) (modules []*reference.Module) {
	add := func(file, text string) {
		m, err := reference.Parse(file, text)
		if err != nil {
			t.Fatal(err)
		}
		modules = append(modules, m)
	}
	files, err := fs.Glob(stubs.Stubs(), "*.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(stubs.Stubs(), file)
		if err != nil {
			t.Fatal(err)
		}
		add(file, string(text))
	}
	for _, l := range all.Libraries() {
		add(l.Name+".lua", l.Stubs)
	}
	return modules
}

// The examples of docs/reference do what they say.
func TestReferenceExamples(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(answerReadme))
	defer up.Close()
	n := 0
	for _, m := range stubModules(t) {
		if m.Name == "rover.test" {
			continue // caddy rover test runs these: TestDocsTesting
		}
		examples := m.Examples()
		for _, name := range slices.Sorted(maps.Keys(examples)) {
			n++
			t.Run(m.Name+"/"+name, func(t *testing.T) { runExample(t, examples[name], up.URL) })
		}
	}
	if n == 0 {
		t.Error("no examples")
	}
}

// runExample runs a part of a script: one with requests in comments, or lines that say what an
// expression returns, which run in a handler.
func runExample(t *testing.T, example, upstream string) {
	requests := regexp.MustCompile(`(?m)^-- [A-Z]+ /.* => `).MatchString(example)
	values := strings.Contains(example, "-->")
	if requests == values {
		t.Fatalf("an example has requests (-- GET / => 200 text), or lines that end with --> and a value:\n%s", example)
	}
	script := example
	if !strings.Contains(example, "rover.server") {
		script = "local api = rover.server {}\n" + example + "\nreturn api\n"
	}
	if values {
		body := regexp.MustCompile(`(?m)^(.*?) *--> (.*)$`).ReplaceAllString(example, "example_shows([==[$2]==], function() return $1 end)")
		script = showing + "local api = rover.server {}\nfunction api.get(ctx)\n" + body + "\nreturn example_result() end\nreturn api\n"
	}
	s := newServer(t, "return rover.server {}")
	s.proxied = func(to *proxy.To, w http.ResponseWriter, _ *http.Request) error {
		fmt.Fprintf(w, "proxy to %v", to.Upstreams)
		return nil
	}
	config := map[string]string{"token": "s3cret", "upstream": upstream}
	if strings.Contains(example, "rover.config.redis") {
		config["redis"] = "redis://" + storetest.StartRedis(t).TCP()
	}
	err := s.load(script, func(s *Script) {
		s.Config = config
		s.Net = outbound.NewPolicy()
		s.Files = dataFolder(t, s.Path)
		s.Geo = geotest.Source()
		s.AllowEnv, s.Getenv = true, func(name string) (string, bool) { return "blue", name == "COLOUR" }
		s.Environ = func() []string { return []string{"APP_DB_HOST=10.0.0.5", "APPLE=1"} }
		settings := filepath.Join(filepath.Dir(s.Path), "settings.lua")
		if err := os.WriteFile(settings, []byte(`return { db = { host = "10.0.0.5" } }`), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, example)
	}
	s.gen.Ready(context.Background())
	if values {
		script = "-- GET / => 200 as said"
	}
	if s.replay(script, 1) == 0 || t.Failed() {
		for _, e := range s.logs.All() {
			t.Log(e.Message, e.ContextMap())
		}
		t.Errorf("the example is\n%s", example)
	}
}

// dataFolder makes a folder data beside a script, which may use it.
func dataFolder(t *testing.T, script string) files.Grants {
	t.Helper()
	data := filepath.Join(filepath.Dir(script), "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	return files.Grants{{Dir: data}}
}

// showing is what examples with values are run with.
const showing = `
local wrong = {}
local function literal(v)
  if v == rover.json.null then return "rover.json.null" end
  if type(v) == "string" then
    return '"' .. v:gsub('[%c"\\\128-\255]', function(c)
      if c == "\n" then return "\\n" elseif c == '"' or c == "\\" then return "\\" .. c end
      return c:byte() < 32 and ("\\%03d"):format(c:byte()) or c
    end) .. '"'
  end
  if type(v) ~= "table" then return (tostring(v):gsub(": 0x%x+$", "")) end
  local list, keys = {}, {}
  for i, item in ipairs(v) do list[i] = literal(item) end
  for k in pairs(v) do if not list[k] then keys[#keys + 1] = k end end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, k in ipairs(keys) do
    local name = type(k) == "string" and k:match("^[%a_][%w_]*$") or "[" .. literal(k) .. "]"
    list[#list + 1] = name .. " = " .. literal(v[k])
  end
  return #list == 0 and "{}" or "{ " .. table.concat(list, ", ") .. " }"
end
function example_shows(want, f)
  local function pack(ok, ...) return ok, select("#", ...), { ... } end
  local ok, n, results = pack(pcall(f))
  local got
  if ok then
    for i = 1, n do results[i] = literal(results[i]) end
    got = table.concat(results, ", ")
  else
    local err = results[1]
    got = "error: " .. (type(err) == "table" and err.status .. " " .. err.message or tostring(err):gsub("^[^ ]+:%d+: ", ""))
  end
  if got ~= want then wrong[#wrong + 1] = "got " .. got .. ", want " .. want end
end
function example_result() return #wrong == 0 and "as said" or table.concat(wrong, "\n") end
`
