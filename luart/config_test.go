package luart

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/environ"
)

// withConfigs puts files beside a script.
func withConfigs(t *testing.T, opened *[]string) func(*Script) {
	return func(s *Script) {
		dir := filepath.Dir(s.Path)
		for name, text := range map[string]string{
			"app/good.lua": "return { n = 1, list = { 'a', 'b' }, sub = { deep = true } }", "app/conf/text.lua": "return 'x'", "app/none.lua": "",
			"app/wrong.lua": "return {", "app/raises.lua": "\nreturn nothing.here", "app/function.lua": "return { f = function() end }",
			"app/sees.lua": "return { rover = rover == nil, print = print == nil, G = _G == nil, pcall = pcall == nil, require = require == nil }",
			"app/sets.lua": "leaked = 1 return leaked", "app/endless.lua": "while true do end", "app/long.lua": "--" + strings.Repeat("x", maxConfigBytes),
			"app/cycle.lua": "local t = {} t.t = t return t", "app/big.lua": "return ('x'):rep(2^30)", "app/binary.lua": "\x1bLua", "secret.lua": "return 'secret'",
		} {
			file := filepath.Join(dir, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink("../secret.lua", filepath.Join(dir, "app", "out.lua")); err != nil {
			t.Fatal(err)
		}
		s.Path = filepath.Join(dir, "app", "app.lua")
		s.Opened = func(path string, source []byte) {
			if rel, err := filepath.Rel(filepath.Join(dir, "app"), path); err == nil {
				*opened = append(*opened, rel)
			}
		}
	}
}

func TestConfigLoad(t *testing.T) {
	var opened []string
	s := newServer(t, `
		local api = rover.server {}
		function api.get(ctx)
			local ok, v = pcall(rover.config.load, ctx:query().f)
			if not ok then return tostring(v) end
			return rover.json.encode { v = v }
		end
		function api.twice.get()
			local a, b = rover.config.load("good.lua"), rover.config.load("good.lua")
			a.n = 2
			return b.n .. " " .. tostring(leaked)
		end
		return api`, withConfigs(t, &opened))
	for file, want := range map[string]string{
		"good.lua":      `{"v":{"n":1,"list":["a","b"],"sub":{"deep":true}}}`,
		"conf/text.lua": `{"v":"x"}`,
		"none.lua":      `{}`,
		"sees.lua":      `{"v":{"rover":true,"print":true,"G":true,"pcall":true,"require":true}}`,
		"sets.lua":      `{"v":1}`,
		"gone.lua":      `Failed to load config file 'gone.lua': no such file or directory`,
		"../secret.lua": `Failed to load config file '../secret.lua': a path without '..' expected`,
		"/etc/passwd":   `Failed to load config file '/etc/passwd': it is not in the folder of the script, and in none of allow fs`,
		"out.lua":       `Failed to load config file 'out.lua': path escapes from parent`,
		"conf":          `Failed to load config file 'conf': it is not a regular file`,
		"wrong.lua":     `Failed to parse config file 'wrong.lua': wrong.lua:1: syntax error`,
		"binary.lua":    `Failed to parse config file 'binary.lua': `,
		"raises.lua":    `raises.lua:2: `,
		"function.lua":  `Failed to load config file 'function.lua': a function is no plain data (at .f)`,
		"cycle.lua":     `Failed to load config file 'cycle.lua': `,
		"long.lua":      `Failed to load config file 'long.lua': it is too large: more than 1048576 bytes`,
		"big.lua":       `big.lua:1: `,
	} {
		got := s.do("GET /?f="+file, "").Body.String()
		if !strings.Contains(got, want) {
			t.Errorf("%s:\n got %.200s\nwant %s", file, got, want)
		}
	}
	if got := s.do("GET /twice", "").Body.String(); got != "1 nil" {
		t.Errorf("got %s", got)
	}
	if got := s.do("GET /?f=endless.lua", ""); got.Code != 500 {
		t.Errorf("an endless file: got %d %s", got.Code, got.Body)
	}
	for _, want := range []string{"good.lua", "gone.lua", "wrong.lua"} {
		if !strings.Contains(" "+strings.Join(opened, " ")+" ", " "+want+" ") {
			t.Errorf("%s is not watched: %v", want, opened)
		}
	}
}

func TestConfigFromEnv(t *testing.T) {
	policy, err := environ.ParsePolicy([]string{"APP_*"})
	if err != nil {
		t.Fatal(err)
	}
	environment := []string{"APP_DB_HOST=h", "APP_NAME=n", "APPLE_X=1", "OTHER_X=1", "BAD_A=1", "BAD_A_B=2"}
	const script = `
		local api = rover.server {}
		function api.get(ctx)
			local ok, v = pcall(rover.config.from_env, ctx:query().p)
			return ok and rover.json.encode(v) or tostring(v)
		end
		function api.keys.get()
			local keys = {}
			for k in pairs(rover.config) do keys[#keys + 1] = k end
			rover.config.own = 1
			return table.concat(keys) .. tostring(rover.config.none) .. getmetatable(rover.config) .. rover.config.own
		end
		return api`
	for _, tt := range []struct {
		name   string
		change func(*Script)
		want   map[string]string
	}{
		{"everything", func(s *Script) { s.AllowEnv = true }, map[string]string{
			"APP": `{"db":{"host":"h"},"name":"n"}`, "NONE": `{}`, "BAD": `BAD_A and BAD_A_B are both about a`, "APP_": `without its last underscore`,
			"A-": `the beginning of names expected`, "": `the beginning of names expected`,
		}},
		{"some", func(s *Script) { s.AllowEnv, s.EnvPolicy = true, policy }, map[string]string{
			"APP": `{"db":{"host":"h"},"name":"n"}`, "APP_DB": `{"host":"h"}`, "OTHER": `that begin with OTHER_ are not allowed: add "allow env OTHER_*" to the rover`,
		}},
		{"nothing", func(*Script) {}, map[string]string{"APP": `environment access is not allowed: add "allow env"`}},
	} {
		s := newServer(t, script, func(s *Script) {
			s.Environ, s.Getenv = func() []string { return environment }, func(string) (string, bool) { return "", false }
			s.Config = map[string]string{"set": "x"}
		}, tt.change)
		for prefix, want := range tt.want {
			if got := s.do("GET /?p="+prefix, "").Body.String(); !strings.Contains(got, want) {
				t.Errorf("%s, %s:\n got %s\nwant %s", tt.name, prefix, got, want)
			}
		}
		if got := s.do("GET /keys", "").Body.String(); got != "setnilconfig1" {
			t.Errorf("got %s", got)
		}
	}
}
