package luart

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/memory"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// Errors are kept once each, however often they come, with where they are; those that a
// script means are not.
func TestFailures(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.bad.get()
			local t = nil
			return t.x
		end
		function api.told.get() error { status = 404, message = "no such thing" } end
		function api.n.p_n.get(ctx) error("number " .. ctx:param("n")) end
		function api.long.get() error(("x"):rep(100000)) end
		api.on_start(function() error("at the start") end)
		function api.spawn.get()
			rover.spawn(function() error("in the background") end)
		end
		return api`)
	s.do("GET /bad", "")
	s.do("GET /told", "")
	s.do("GET /bad", "")
	list := s.vm.RecentErrors()
	if len(list) != 2 || list[0].Times != 2 || list[1].In != "on_start of app.lua" || list[1].Times != 1 {
		t.Fatalf("%+v", list)
	}
	f := list[0]
	if f.In != "GET /bad" || f.Place != "app.lua:5" || f.Defined != "app.lua:3" || f.Status != 500 || f.Version != 1 ||
		!strings.Contains(f.Message, "app.lua:5") || !strings.Contains(f.Excerpt, ">  5 | ") || !strings.Contains(f.Excerpt, "return t.x") ||
		!strings.Contains(f.Traceback, "app.lua:5") || time.Since(f.At) > time.Minute {
		t.Errorf("%+v", f)
	}
	s.do("GET /spawn", "")
	s.awaitLine("background task failed")
	if f := s.vm.RecentErrors()[0]; f.In != "rover.spawn of app.lua" || !strings.Contains(f.Message, "in the background") {
		t.Errorf("%+v", f)
	}
	s.do("GET /long", "")
	if f := s.vm.RecentErrors()[0]; len(f.Message) > scripterror.MaxRecentBytes+10 {
		t.Errorf("a message of %d bytes is kept", len(f.Message))
	}
	for n := range 2 * scripterror.MaxRecent {
		s.do(fmt.Sprintf("GET /n/%d", n), "")
	}
	list = s.vm.RecentErrors()
	if len(list) != scripterror.MaxRecent || !strings.Contains(list[0].Message, "number 99") || !strings.Contains(list[scripterror.MaxRecent-1].Message, "number 50") {
		t.Errorf("%d are kept, from %q to %q", len(list), list[0].Message, list[len(list)-1].Message)
	}
}

func TestStateKeys(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local state = rover.state("all", {})
		state[1], state[2] = "one", { 1, 2, 3 }
		state.name, state[true], state.gone = ("n"):rep(1000), false, 1
		state.gone = nil
		state.self = state
		state["bad\255"] = function() end
		local many = rover.state("many")
		for i = 1, 2500 do many["k" .. i] = i end
		local big = {}
		for i = 1, 50000 do big[i] = { i } end
		rover.state("big").big = big
		return api`)
	keys, next, err := s.vm.StateKeys(context.Background(), "all", 0, 100)
	if err != nil || next != 0 {
		t.Fatal(next, err)
	}
	got := map[string]memory.Key{}
	for _, k := range keys {
		got[k.KeyType+" "+k.Key] = k
	}
	if len(keys) != 6 || got["number 1"].Type != "string" || got["number 2"].Entries != 3 || got["string name"].Bytes < 1000 ||
		got["boolean true"].Type != "boolean" || got["string self"].Entries != 0 || got["string bad\uFFFD"].Type != "function" {
		t.Errorf("%+v", keys)
	}
	seen := map[string]bool{}
	pages := 0
	for from := 0; ; {
		keys, next, err := s.vm.StateKeys(context.Background(), "many", from, 1000)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, k := range keys {
			seen[k.Key] = true
		}
		if next == 0 {
			break
		}
		from = next
	}
	if len(seen) != 2500 || pages != 3 {
		t.Errorf("%d keys on %d pages", len(seen), pages)
	}
	if keys, _, _ := s.vm.StateKeys(context.Background(), "big", 0, 1); len(keys) != 1 || !keys[0].Partial || keys[0].Entries < 300 {
		t.Errorf("%+v", keys)
	}
	var unknown *UnknownStateError
	if _, _, err := s.vm.StateKeys(context.Background(), "none", 0, 1); !errors.As(err, &unknown) {
		t.Error(err)
	}
}

func TestEval(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		hits = rover.state("hits", { n = 7 })
		function helper(x) return x * 2 end
		function api.get() return tostring(added) end
		return api`, withSpend, func(s *Script) { s.Timeout = 2 * time.Second }) // so that only one of them takes longer
	eval := func(chunk string) string {
		t.Helper()
		e, err := s.gen.Eval(context.Background(), chunk)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, v := range e.Results {
			parts = append(parts, v.Type+" "+string(v.JSON))
		}
		text := strings.Join(parts, ", ")
		if len(e.Printed) > 0 {
			text += " printed " + strings.Join(e.Printed, "|")
		}
		if e.Error != "" {
			text += "error " + e.Error
		}
		return text
	}
	for _, tt := range []struct{ chunk, want string }{
		{"1 + 1", "number 2"},
		{"hits, helper(4), nil, 'text'", `table {"n":7}, number 8, nil null, string "text"`},
		{"helper", "function "},
		{"added = 'by eval'", ""},
		{"print('a', 1) print('b') return true", "boolean true printed a\t1|b"},
		{"rover.sleep(0.001) return rover.version", "number 1"},
		{"rover.parallel { function() print('inside') return 1 end }", "number 1 printed inside"},
		{"while true do rover.vm.spend() end", "error eval:1: the script ran longer than burst without waiting"},
		{"rover.sleep(100)", "error eval:1: the request took longer than its timeout"},
		{"local x =", "error eval:1: syntax error near"},
		{"1 +", "error eval:1: syntax error near '<eof>'"}, // what the REPL goes on with
		{"{ 1,\n 2", "error eval:2: syntax error near '<eof>'"},
		{"helper(", "error eval:1: syntax error near '<eof>'"},
		{"1 + + 2", "error eval:1: syntax error near '"},
		{"return hits.x.y", "error eval:1: attempt to index a non-table object(nil) with key 'y'"},
		{strings.Repeat(" ", 70000), "error the chunk is too long: 64 KiB at most"},
	} {
		got := eval(tt.chunk)
		if tt.want == "" && got != "" || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%.40s: %q, want %q", tt.chunk, got, tt.want)
		}
	}
	s.expect("GET /", "200 by eval")
	e, _ := s.gen.Eval(context.Background(), "local a = 1\nreturn hits.x.y")
	if !strings.Contains(e.Excerpt, "> 2 | return hits.x.y") || !strings.Contains(e.Traceback, "eval:2") {
		t.Errorf("%+v", e)
	}
	if n := len(s.logged("a\t1")); n != 0 {
		t.Error("what eval prints is logged")
	}
}

func TestDescribe(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.state("a") rover.cache("c") rover.channel("ch")
		rover.every(3600, function() end)
		function api.get() rover.lock("l"):with(function() rover.sleep(3600) end) end
		return api`)
	got := s.start("GET /")
	c := s.inFlight(named("GET /"))
	old := s.gen
	if err := s.load(`local api = rover.server {} return api`, func(s *Script) { s.Version = 2 }); err != nil {
		t.Fatal(err)
	}
	old.Retire()
	s.untilNoTasks() // its timer runs once more
	d, err := s.vm.Describe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := []GenerationInfo{{"app.lua", 2, true, 0, 0}, {"app.lua", 1, false, 1, 0}}
	if d.States != 1 || d.Things["caches"] != 1 || d.Things["channels"] != 1 || d.Things["locks"] != 1 || d.Timers != 0 ||
		len(d.Generations) != 2 || d.Generations[0] != want[0] || d.Generations[1] != want[1] {
		t.Errorf("%+v", d)
	}
	s.kill(c[0].ID)
	<-got
}
