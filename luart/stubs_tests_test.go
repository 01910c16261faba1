package luart

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	stubs "github.com/caddy-rover/rover/luart/types"
)

// What is written for editors in types/rover_test.lua is what scripttest/prelude.lua makes,
// no more and no less.
func TestStubsOfTests(t *testing.T) {
	source, err := fs.ReadFile(stubs.Stubs(), "rover_test.lua")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chunk.Compile(source, "rover_test.lua"); err != nil {
		t.Fatal(err)
	}
	var declared []string
	for _, m := range regexp.MustCompile(`(?m)^function ([\w.:]+)\(`).FindAllStringSubmatch(string(source), -1) {
		declared = append(declared, m[1])
	}
	slices.Sort(declared)

	prelude, err := os.ReadFile("scripttest/prelude.lua")
	if err != nil {
		t.Fatal(err)
	}
	// The prelude as it is, and then what it has made.
	s := newServer(t, `local api = rover.server {}
local chunk = assert(loadstring(rover.config.prelude))
local before = {}
for name in pairs(_G) do before[name] = true end
local function answer() return { status = 200, headers = {}, body = "" }, 1 end
chunk(rover, { request = answer, open = answer })
local names = {}
local function add(prefix, t)
  for name, v in pairs(t) do if type(v) == "function" and name:sub(1, 2) ~= "__" then names[#names + 1] = prefix .. name end end
end
for name, v in pairs(_G) do
  if not before[name] and type(v) == "function" then names[#names + 1] = name end
end
add("test.", test)
add("rover.test.", rover.test)
add("Expectation:", getmetatable(expect(1)))
add("TestResponse:", getmetatable(rover.test.get("/")))
add("TestStream:", getmetatable(rover.test.get("/", { stream = true })))
rover.state("names", { text = table.concat(names, " ") })
return api`, func(s *Script) { s.Config = map[string]string{"prelude": string(prelude)} })
	var real []string
	_ = s.vm.loop.Do(context.Background(), func(*thread) error {
		real = strings.Fields(s.vm.states["names"].RawGetString("text").(lua.LString).String())
		return nil
	})
	seen := map[string]bool{}
	for _, name := range real {
		seen[name] = true
	}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, declared) {
		t.Errorf("luart/types/rover_test.lua declares\n%q, and test files see\n%q", declared, got)
	}
}
