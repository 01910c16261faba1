package luart

import (
	"context"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/coverage"
	"github.com/caddy-rover/rover/luart/stdlib"
)

// coverageScript says behind each line that has code how often it runs.
const coverageScript = `local api = rover.server {} --= 1
local lib = require "lib" --= 1
local limit --= 1

-- a comment
local function never(x) --= 1
  local y = x + 1 --= 0
  if y then --= 0
    return y --= 0
  else
    return --= 0
  end
end

local function sign(n) --= 1
  if n > 0 then return 1 elseif n < 0 then return -1 else return 0 end --= 4
end

local function branches(n) --= 1
  if n == 1 then --= 3
    if limit then --= 1
      return "limit" --= 0
    end
  elseif n == 2 then --= 2
    return "two" --= 1
  else
    limit = nil --= 1
  end
  for i = 1, n do --= 4
    if i == 2 then break end --= 3
  end
  while n > 0 do --= 3
    n = n - 1 --= 2
    if n == 2 then --= 2
      break
    end
  end
  repeat
    n = n + 1 --= 4
  until n >= 3 --= 4
  for k, v in pairs { --= 6
    a = 1, --= 2
    b = 2, --= 2
  } do
    never = k --= 4
  end
  local t = { --= 2
    1, --= 2
    function() return 1 end, --= 2
    f = function(...) --= 2
      return ... --= 0
    end,
  }
  return #t --= 2
end

local co = coroutine.wrap(function(a) --= 1
  while true do
    a = coroutine.yield(a * 2) --= 2
    if a == 6 then --= 2
      return "end" --= 1
    end
  end
end)

function api.get() --= 1
  sign(1) --= 1
  sign(-1) sign(0) --= 1
  for i = 1, 3 do --= 4
    branches(i) --= 3
  end
  local ok, err = pcall(function() --= 1
    error "caught" --= 1
    return 1 --= 0
  end)
  table.sort({ 2, 1 }, function(a, b) --= 1
    return sign(a - b) < 0 --= 1
  end)
  rover.parallel { --= 1
    function() rover.sleep(0) co(1) end, --= 1
    function() --= 1
      rover.sleep(0) --= 1
    end,
  }
  co(2) --= 1
  load("local x = 1\nreturn x")() --= 1
  return lib.add(co(6), --= 1
    co and "") --= 1
end

function api.unused.get() return 1 end --= 1
return api --= 1
`

const coverageModule = `local lib = {} --= 1
function lib.add(a, b) --= 1
  return a .. b --= 1
end
function lib.unused() --= 1
  return 1 --= 0
end
return lib --= 1
`

var wantedCount = regexp.MustCompile(`--= (\d+)$`)

// Lines run as often as they say, in any Lua thread, in modules too; what is not called has lines.
func TestCoverage(t *testing.T) {
	c := &coverage.Report{}
	s := newServer(t, "local api = rover.server {} return api")
	s.vm.Close(context.Background())
	s.vm = newVM(t, VMOptions{Coverage: c})
	err := s.load(coverageScript, func(script *Script) {
		script.Modules = map[string]stdlib.Module{"lib": {Path: "lib.lua", Source: []byte(coverageModule)}}
	})
	if err != nil {
		t.Fatal(err)
	}
	s.once("GET /", "200 end")
	s.vm.Close(context.Background())
	files := c.Files()
	if len(files) != 2 || filepath.Base(files[0].Path) != "app.lua" || filepath.Base(files[1].Path) != "lib.lua" || !filepath.IsAbs(files[0].Path) {
		t.Fatalf("%+v", files)
	}
	for i, source := range []string{coverageScript, coverageModule} {
		for n, line := range strings.Split(source, "\n") {
			got, ok := files[i].Lines[n+1]
			want := wantedCount.FindStringSubmatch(line)
			if ok != (want != nil) || ok && strconv.FormatUint(got, 10) != want[1] {
				t.Errorf("file %d, line %d: got %d, %v: %s", i, n+1, got, ok, line)
			}
		}
	}
	want := map[coverage.Function]uint64{{Line: 2, Name: "lib.add"}: 1, {Line: 5, Name: "lib.unused"}: 0}
	if !reflect.DeepEqual(files[1].Functions, want) {
		t.Errorf("got %v", files[1].Functions)
	}
	for at, want := range map[coverage.Function]uint64{{Line: 6, Name: "never"}: 0, {Line: 15, Name: "sign"}: 4, {Line: 19, Name: "branches"}: 3, {Line: 91, Name: "api.unused.get"}: 0} {
		if got, ok := files[0].Functions[at]; !ok || got != want {
			t.Errorf("%v: %d, %v", at, got, ok)
		}
	}
}
