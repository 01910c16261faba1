package luart

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/stdlib"
)

// What io writes is in the log line by line; what of a line there is when a request ends is
// its own.
func TestWriteLogsLines(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get()
			io.write("a", 1, "\nb") io.stdout:write("c\n") io.stderr:write("oops\n")
			io.write("flushed") io.flush() io.write("left")
		end
		function api.first.get() io.write("first") rover.channel("c", 1):recv() io.write(" of all") end
		function api.second.get() io.write("second") rover.channel("c", 1):send(1) end
		function api.long.get() io.write(("x"):rep(20000)) end
		return api`)
	var seen int
	lines := func() (list []string) {
		all := s.logs.All()
		for _, e := range all[seen:] {
			list = append(list, e.Level.String()+" "+e.Message)
		}
		seen = len(all)
		return list
	}
	lines()
	s.once("GET /", "204 ")
	if got, want := lines(), []string{"info a1", "info bc", "warn oops", "info flushed", "info left"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	first := s.beginWaiting("GET /first")
	s.once("GET /second", "204 ")
	first.expect("204 ")
	got := lines()
	slices.Sort(got)
	if want := []string{"info first of all", "info second"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	s.once("GET /long", "204 ")
	got = lines()
	if len(got) != 3 || strings.Join(got, "") != strings.Repeat("info "+strings.Repeat("x", stdlib.MaxLineBytes), 2)+"info "+strings.Repeat("x", 20000-2*stdlib.MaxLineBytes) {
		t.Errorf("a long line became %d", len(got))
	}
}

// debug.print is a line at debug, with where it was called.
func TestDebugPrintIsLogged(t *testing.T) {
	s := newServer(t, `local api = rover.server {}
		function api.get() return debug.print({ token = "t", n = 1 }, "seen").n end
		return api`)
	if got := s.do("GET /", "").Body.String(); got != "1" {
		t.Errorf("got %s", got)
	}
	found := s.logs.FilterMessage("seen = {\n  token = ***,\n  n = 1\n}").All()
	if len(found) != 1 || found[0].Level != zap.DebugLevel || found[0].ContextMap()["at"] != "app.lua:2" {
		t.Errorf("got %v", s.logs.All())
	}
}
