package luart

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/giveup"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/stdlib"
)

// A large module is compiled while others have the VM, and no longer than somebody waits for it.
func TestRequireLarge(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.large.get() return require("large").item39999.name end
		function api.huge.get() return type(require("huge")) end
		function api.wrong.get() return require("wrong") end
		function api.ping.get() return "pong" end
		return api`, func(s *Script) {
		s.Burst, s.Timeout = 10*time.Minute, 0
		s.Modules = map[string]stdlib.Module{
			"large": {Path: "large.lua", Source: []byte(largeModule(40_000))},
			"huge":  {Path: "huge.lua", Source: []byte(largeModule(150_000))},
			"wrong": {Path: "wrong.lua", Source: []byte(strings.Repeat("\n", 70_000) + "return return")},
		}
	})
	s.expect("GET /large", "200 name 39999")
	s.expect("GET /wrong", `500 {"error":"internal error"}`)
	if l := s.logged("script error"); len(l) == 0 || !strings.Contains(fmt.Sprint(l[0].ContextMap()["error"]), "wrong.lua:70001: syntax error") {
		t.Errorf("logged %v", l)
	}

	ended := make(chan string)
	go func() { ended <- answer(s.do("GET /huge", "")) }()
	calls := s.inFlight(func(c []Call) bool { return len(c) == 1 && c[0].WaitsOn == `compiling "huge.lua"` })
	s.expect("GET /ping", "200 pong")
	s.kill(calls[0].ID)
	if got := <-ended; !strings.HasPrefix(got, "50") {
		t.Errorf("the killed request got %s", got)
	}
}

// A file system that does not answer holds up who requires a module of it, and nobody else.
func TestRequireHangs(t *testing.T) {
	var opened []string
	s := newServer(t, `
		local api = rover.server {}
		function api.wait.get() return require("lib.m") end
		function api.ping.get() return "pong" end
		return api`, func(s *Script) {
		s.Opened = func(path string, source []byte) { opened = append(opened, fmt.Sprintf("%s %q", path, source)) }
	})
	hang := make(chan struct{})
	s.vm.modules.Find = func(string, string) (module.Found, error) {
		<-hang
		found := module.Found{
			Module: stdlib.Module{Path: "lib/m.lua", Source: []byte("return 'read'")},
			Looked: []module.File{{Path: "lib/m.lua", Source: []byte("…")}},
		}
		return found, nil
	}
	ended := make(chan string, 2)
	begin := func() uint64 {
		go func() { ended <- answer(s.do("GET /wait", "")) }()
		return s.inFlight(func(c []Call) bool { return len(c) == 1 && c[0].WaitsOn == `reading module "lib.m"` })[0].ID
	}
	id := begin()
	s.expect("GET /ping", "200 pong")
	s.kill(id)
	if got := <-ended; !strings.HasPrefix(got, "50") {
		t.Errorf("the killed request got %s", got)
	}
	if len(opened) != 0 {
		t.Errorf("a killed request has looked at %q", opened)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	found, err := s.vm.modules.Read(gone, "/app", "lib.m")
	if !errors.Is(err, giveup.ErrNoAnswer) || err.Error() != `loading module "lib.m": the file system does not answer` {
		t.Errorf("error %v", err)
	}
	if want := []module.File{{Path: "/app/lib/m.lua"}, {Path: "/app/lib/m/init.lua"}}; !reflect.DeepEqual(found.Looked, want) {
		t.Errorf("looked at %+v, want %+v", found.Looked, want)
	}
	begin()
	s.expect("GET /ping", "200 pong")
	close(hang)
	if got := <-ended; got != "200 read" {
		t.Errorf("got %s", got)
	}
	if len(opened) != 1 {
		t.Errorf("looked at %q", opened)
	}
}

// largeModule is a table of n entries.
func largeModule(n int) string {
	var b strings.Builder
	b.WriteString("return {\n")
	for i := range n {
		fmt.Fprintf(&b, "  item%d = { name = \"name %d\", value = %d },\n", i, i%60_000, i)
	}
	b.WriteString("}\n")
	return b.String()
}
