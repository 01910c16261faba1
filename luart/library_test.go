package luart

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/lib"
)

// counting is a library with a state, whose function returns how often it was called in the VM.
func counting() (l *lib.Library, made, closed, retired *int) {
	made, closed, retired = new(int), new(int), new(int)
	type state struct {
		closer
		calls int
	}
	return &lib.Library{
		Name: "counting",
		NewState: func(lib.VM) any {
			*made++
			return &state{closer: closer{closed}}
		},
		Open: func(s *lib.Scope) lua.LValue {
			s.OnRetire(func() { *retired++ })
			st := s.State.(*state)
			return s.L().NewFunction(func(L *lua.LState) int {
				st.calls++
				L.Push(lua.LNumber(st.calls))
				return 1
			})
		},
	}, made, closed, retired
}

type closer struct{ n *int }

func (c closer) Close() error { *c.n++; return errors.New("it was closed") }

func withLibrary(l *lib.Library) func(*Script) {
	return func(s *Script) { s.Libraries = []*lib.Library{l} }
}

const counts = `local api = rover.server {}
	function api.get() return rover.counting() end
	return api`

// The state of a library goes on with the VM, and ends with it; what it has opened for a
// generation ends with that.
func TestLibraryLife(t *testing.T) {
	l, made, closed, retired := counting()
	s := newServer(t, counts, withLibrary(l))
	s.get("1")
	first := s.gen
	other, _, _, _ := counting() // as for another config
	if err := s.load(counts, withLibrary(other)); err != nil {
		t.Fatal(err)
	}
	first.Retire()
	s.get("2")
	if *made != 1 || *retired != 1 || *closed != 0 {
		t.Errorf("%d states, %d generations retired, %d states closed", *made, *retired, *closed)
	}
	s.vm.Close(t.Context())
	if *closed != 1 {
		t.Errorf("the state was closed %d times with the VM", *closed)
	}
}

func (s *server) get(want string) {
	s.t.Helper()
	if w := s.do("GET /", ""); w.Body.String() != want {
		s.t.Errorf("answer %q, want %q", w.Body, want)
	}
}

// A library that cannot be opened is an error of the load that names it, and the VM goes on.
func TestLibraryThatDoesNotOpen(t *testing.T) {
	good, _, _, _ := counting()
	s := newServer(t, counts, withLibrary(good))
	for want, list := range map[string][]*lib.Library{
		`library "server": rover.server is there already`:      {{Name: "server", Open: good.Open}},
		`library "counting": rover.counting is there already`:  {good, good},
		`opening library "empty": it is nil`:                   {{Name: "empty", Open: func(*lib.Scope) lua.LValue { return nil }}},
		`opening library "rash": runtime error: index out of`:  {{Name: "rash", Open: func(*lib.Scope) lua.LValue { return []lua.LValue{}[0] }}},
		`opening library "early": runtime error: index out of`: {{Name: "early", NewState: func(lib.VM) any { return []int{}[0] }, Open: good.Open}},
	} {
		err := s.load(counts, func(s *Script) { s.Libraries = list })
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	s.get("1")
}

// What a library knows of its caller, and how it waits.
func TestLibraryCaller(t *testing.T) {
	var kept lib.Caller
	asking := &lib.Library{Name: "ask", Open: func(s *lib.Scope) lua.LValue {
		t := s.L().NewTable()
		s.L().SetFuncs(t, map[string]lua.LGFunction{
			"wait": func(L *lua.LState) int {
				c := s.Caller()
				id, header, ok := c.Request()
				var left time.Duration
				c.Await(L, lib.WaitsOn{What: "the answer", Which: "x"}, func(ctx context.Context) {
					if end, ok := ctx.Deadline(); ok {
						left = time.Until(end)
					}
				})
				L.Push(lua.LString(id))
				L.Push(lua.LString(header.Get("X-Ask")))
				L.Push(lua.LBool(ok && s.Caller() == c && left > time.Minute && c.PatienceElsewhere() == 0))
				return 3
			},
			"patience": func(L *lua.LState) int {
				kept = s.Caller()
				_, _, ok := s.Caller().Request()
				L.Push(lua.LBool(!ok))
				L.Push(lua.LNumber(s.Caller().PatienceElsewhere().Seconds()))
				return 2
			},
			"misuse": func(L *lua.LState) int {
				kept.Park(L, lib.WaitsOn{What: "nothing"}, nil, time.Millisecond)
				return 0
			},
		})
		return t
	}}
	s := newServer(t, `local api = rover.server {}
		local state = rover.state("s")
		function api.get(ctx)
			local id, header, ok = rover.ask.wait()
			return id .. " " .. header .. " " .. tostring(ok)
		end
		function api.task.get()
			rover.spawn(function() state.alone, state.patience = rover.ask.patience() end)
		end
		function api.told.get() return tostring(state.alone) .. " " .. tostring(state.patience) end
		function api.misuse.get() return select(2, pcall(rover.ask.misuse)) end
		return api`, withLibrary(asking), func(s *Script) { s.Timeout = time.Hour })
	if got := s.do("GET /", "", "X-Request-Id: 7", "X-Ask: why").Body.String(); got != "7 why true" {
		t.Errorf("the request is %q", got)
	}
	s.do("GET /task", "")
	s.vm.background.Wait()
	if got := s.do("GET /told", "").Body.String(); got != "true 3600" {
		t.Errorf("the background task is %q", got)
	}
	if got := s.do("GET /misuse", "").Body.String(); !strings.Contains(got, "waits for a caller that does not run") {
		t.Errorf("a caller that does not run: %q", got)
	}
}

// IsOwn knows what is in rover without libraries, no more and no less.
func TestOwnNames(t *testing.T) {
	s := newServer(t, `local api = rover.server {}
		function api.get()
			local names = {}
			for name in pairs(rover) do names[#names + 1] = name end
			table.sort(names)
			return table.concat(names, " ")
		end
		return api`, func(s *Script) { s.Libraries = nil })
	s.get(strings.Join(ownNames, " "))
}

// keeper keeps what its library says, in items that can be dropped.
type keeper struct{ expired, items int }

func (k *keeper) Keeps() []lib.Kept {
	return []lib.Kept{{
		Name: "rover.hoard",
		Expire: func(n int) int {
			n = min(n, k.expired)
			k.expired -= n
			k.items -= n
			return n
		},
		Size: func() (bytes, items int) { return k.items << 20, k.items },
	}}
}

// What a library keeps counts as memory of the scripts, once what nobody can get is dropped.
func TestLibraryMemory(t *testing.T) {
	k := &keeper{expired: 100, items: 103}
	s := newServer(t, `local api = rover.server {}
		function api.get() return "served" end
		return api`, withLibrary(&lib.Library{
		Name: "hoard", NewState: func(lib.VM) any { return k },
		Open: func(s *lib.Scope) lua.LValue { return s.L().NewTable() },
	}))
	s.vm.SetMemory(64 << 20)
	if _, ok := s.vm.memory.Count(); !ok || s.vm.Memory() < 3<<20 || s.vm.Memory() > 4<<20 {
		t.Errorf("%d bytes counted, want some more than 3 MiB", s.vm.Memory())
	}
	s.get("served")
	k.items = 100
	s.vm.memory.Count()
	if got := answer(s.do("GET /", "")); got != "503 "+ErrMemory.Error()+"\n" {
		t.Errorf("beyond the limit: %q", got)
	}
}

// The environment is granted to libraries where the script may read it, and nowhere else.
func TestLibraryGrants(t *testing.T) {
	for allow, want := range map[bool]string{true: "value", false: "none"} {
		s := newServer(t, `local api = rover.server {}
			function api.get() return rover.asked end
			return api`, withLibrary(&lib.Library{Name: "asked", Open: func(s *lib.Scope) lua.LValue {
			if s.Grants.Getenv == nil {
				return lua.LString("none")
			}
			v, _ := s.Grants.Getenv("NAME")
			return lua.LString(v)
		}}), func(s *Script) {
			s.AllowEnv, s.Getenv = allow, func(string) (string, bool) { return "value", true }
		})
		s.get(want)
	}
}

// rash is a state whose every method panics.
type rash struct{}

func (rash) Keeps() []lib.Kept     { panic("keeps") }
func (rash) Counts() (string, int) { panic("counts") }
func (rash) Close() error          { panic("closes") }

// A library that panics where no script has called it is in the log, and everything goes on.
func TestLibraryPanics(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	vm := newVM(t, VMOptions{Logger: zap.New(core)})
	g, err := vm.Load(t.Context(), Script{
		Path: "app.lua", Timeout: time.Minute, Burst: time.Second, Source: []byte(counts),
		Libraries: []*lib.Library{{
			Name: "counting", NewState: func(lib.VM) any { return rash{} },
			Open: func(s *lib.Scope) lua.LValue {
				s.OnRetire(func() { panic("retires") })
				return s.L().NewFunction(func(L *lua.LState) int {
					s.Caller().AtEnd(1, func() { panic("ends") })
					L.Push(lua.LString("answered"))
					return 1
				})
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, vm: vm, gen: g}
	s.get("answered")
	if _, ok := vm.memory.Count(); !ok {
		t.Error("memory is counted no more")
	}
	if _, err := vm.Describe(t.Context()); err != nil {
		t.Error(err)
	}
	g.Retire()
	vm.Close(t.Context())
	for _, what := range []string{"ends", "keeps", "counts", "retires", "closes"} {
		if n := logs.FilterMessage("a library failed").FilterField(zap.Any("error", what)).Len(); n != 1 {
			t.Errorf("the panic of %q was logged %d times", what, n)
		}
	}
}

// What a library does wrong when it is opened refuses the script, and the log has where.
func TestLibraryFailsToOpen(t *testing.T) {
	core, logs := observer.New(zap.ErrorLevel)
	vm := newVM(t, VMOptions{Logger: zap.New(core)})
	t.Cleanup(func() { vm.Close(t.Context()) })
	opens := func(s *lib.Scope) lua.LValue { return s.L().NewTable() }
	for want, l := range map[string]lib.Library{
		"its state is nil": {NewState: func(lib.VM) any { return nil }, Open: opens},
		"no state":         {NewState: func(lib.VM) any { panic("no state") }, Open: opens},
		"no table":         {Open: func(*lib.Scope) lua.LValue { panic("no table") }},
		"it is nil":        {Open: func(*lib.Scope) lua.LValue { return nil }},
	} {
		l.Name = "broken"
		_, err := vm.Load(t.Context(), Script{
			Path: "app.lua", Timeout: time.Minute, Burst: time.Second, Logger: zap.New(core),
			Source: []byte("return rover.server {}"), Libraries: []*lib.Library{&l},
		})
		if err == nil || !strings.HasSuffix(err.Error(), `opening library "broken": `+want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if n := logs.FilterMessage("a library failed").Len(); n != 2 {
		t.Errorf("%d panics were logged, want 2", n)
	}
}

// A function of a library that panics when a script calls it is an error of the script, and the log
// has the Go stack, which says where.
func TestLibraryPanicIsLogged(t *testing.T) {
	rashly := &lib.Library{Name: "rashly", Open: func(s *lib.Scope) lua.LValue {
		t := s.VM.L().NewTable()
		t.RawSetString("act", s.VM.L().NewFunction(func(*lua.LState) int { panicHere(); return 0 }))
		return t
	}}
	s := newServer(t, `
		local api = rover.server {}
		local function act() rover.rashly.act() end
		function api.acts.get() act() end
		function api.deep.get() local function f() return 1 + f() end f() end
		return api`, func(s *Script) { s.Libraries = append(s.Libraries, rashly) })
	s.once("GET /acts", `500 {"error":"internal error"}`)
	s.once("GET /deep", `500 {"error":"internal error"}`)
	logged := s.logged("a function of Go has panicked that the script called")
	if len(logged) != 1 {
		t.Fatalf("%d panics logged", len(logged))
	}
	fields := logged[0].ContextMap()
	if stack := fields["go_stack"].(string); !strings.Contains(stack, "luart.panicHere") || len(stack) > 4096 || fields["error"] != "a bug" {
		t.Errorf("logged %v", fields)
	}
	trace := fmt.Sprint(s.logged("script error")[0].ContextMap()["traceback"])
	if !strings.HasPrefix(trace, "stack traceback:") || !strings.Contains(trace, "app.lua:3: in function 'act'") || strings.Contains(trace, "goroutine") {
		t.Errorf("traceback: %s", trace)
	}
}

func panicHere() { panic("a bug") }
