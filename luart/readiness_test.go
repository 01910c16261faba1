package luart

import (
	"context"
	"encoding/json"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/health"
)

// readinessOf is the report of a script as JSON.
func readinessOf(t *testing.T, g *Generation) string {
	t.Helper()
	report := g.Readiness()
	report.Sort()
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What a script says wrong of its health fails the load.
func TestHealthMistakes(t *testing.T) {
	for options, want := range map[string]string{
		`health = 1`:                                                "app.lua:1: rover.server: health should be a boolean or table, not a number",
		`health = { live = "healthz" }`:                             `option health.live: "healthz" must start with '/'`,
		`health = { live = "/a/" }`:                                 `option health.live: "/a/" has an empty segment`,
		`health = { ready = "/%61" }`:                               `option health.ready: "/%61" may have letters`,
		`health = { ready = true }`:                                 `option health.ready: a path or false expected, got true`,
		`health = { live = "/readyz" }`:                             `live and ready have one path, /readyz`,
		`health = { details = 1 }`:                                  `option health.details: a boolean expected, got 1`,
		`health = { interval = 0 }`:                                 `option health.interval: seconds from 0.1 to 3600 expected, got 0`,
		`health = { interval = 0/0 }`:                               `option health.interval: seconds from 0.1 to 3600 expected`,
		`health = { timeout = 61 }`:                                 `option health.timeout: seconds from 0.1 to 60 expected, got 61`,
		`health = { redy = "/x" }`:                                  `rover.server: health: unknown option "redy": did you mean ready?`,
		`readiness = true`:                                          `readiness should be a table, not a boolean`,
		`readiness = { dependency = {} }`:                           `rover.server: readiness: unknown option "dependency": there is dependencies`,
		`readiness = { dependencies = 1 }`:                          `readiness.dependencies should be a table, not a number`,
		`readiness = { dependencies = { "db" } }`:                   `readiness.dependencies: dependencies by name expected, got a number as a name`,
		`readiness = { dependencies = { db = "" } }`:                `readiness.dependencies.db should be a boolean or function, not a string`,
		`readiness = { dependencies = { [""] = true } }`:            `readiness.dependencies: "": a dependency needs a name`,
		`readiness = { dependencies = { ["a\nb"] = true } }`:        `the name of a dependency may have letters`,
		`readiness = { dependencies = { [("x"):rep(65)] = true } }`: `the name of a dependency has at most 64 bytes`,
		`readiness = { dependencies = { store = function() end } }`: `readiness.dependencies.store is the script's store`,
		`readiness = { dependencies = (function() local t = {} for i = 1, 101 do t["d" .. i] = print end return t end)() }`: `a script has at most 100`,
	} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		err := s.load("return rover.server { " + options + " }")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", options, err, want)
		}
		s.vm.Close(t.Context())
	}
}

// Nothing of a script stands at the path of a probe, where it would never be asked.
func TestHealthTakenPath(t *testing.T) {
	for at, want := range map[string]string{
		"function api.healthz.get() end":                           "app.lua:2: api.healthz.get would never be asked: health of rover.server answers /healthz",
		"function api.readyz.any() end":                            "app.lua:2: api.readyz.any would never be asked",
		"function api.healthz.before.auth() end":                   "app.lua:2: api.healthz.before.auth would never be asked",
		"api.readyz.limit { rate = 1 }":                            "app.lua:2: api.readyz.limit would never be asked",
		"function api.healthz.deep.get() end":                      "",
		"function api.p_any.get() end function api.before.a() end": "",
		"function api.users.healthz.get() end":                     "",
	} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		err := s.load("local api = rover.server { health = true }\n" + at + "\nreturn api")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", at, err, want)
		}
		s.vm.Close(t.Context())
	}
}

// Probes are where the script has them, and only there.
func TestHealthPaths(t *testing.T) {
	asked := func(options, path string) health.Probe {
		s := newServer(t, "return rover.server { "+options+" }")
		return s.gen.Probe(&url.URL{Path: path})
	}
	for _, c := range []struct {
		options, path string
		want          health.Probe
	}{
		{"", "/healthz", health.None},
		{"health = false", "/healthz", health.None},
		{"health = true", "/healthz", health.Live},
		{"health = true", "/readyz", health.Ready},
		{`health = { live = "/-/up" }`, "/-/up", health.Live},
		{`health = { live = "/-/up" }`, "/healthz", health.None},
		{`health = { live = "/-/up" }`, "/readyz", health.Ready},
		{`health = { live = false }`, "/healthz", health.None},
		{`health = { live = false }`, "", health.None},
	} {
		if got := asked(c.options, c.path); got != c.want {
			t.Errorf("%s %s: got %d, want %d", c.options, c.path, got, c.want)
		}
	}
}

// Functions of dependencies are asked from the start on, by the interval, one at a time, and never
// because somebody wants to know.
func TestReadinessChecks(t *testing.T) {
	s, c := frozen(t, `
		calls = 0
		local api = rover.server { health = { interval = 5, timeout = 2 }, readiness = { dependencies = {
			db = function()
				calls = calls + 1
				if calls == 1 then return true end
				if calls == 2 then return false, "refused" end
				if calls == 3 then return end
				if calls == 4 then error("broken") end
				if calls == 5 then rover.sleep(100) end
				return "yes"
			end,
		} } }
		function api.get() return calls end
		return api`)
	for i, want := range []string{
		`{}`,
		`{"reasons":[{"code":"dependency_unavailable","dependency":"db","reason":"refused"}]}`,
		`{"reasons":[{"code":"dependency_unavailable","dependency":"db","reason":"the function has returned nothing: true or false expected"}]}`,
		`{"reasons":[{"code":"dependency_unavailable","dependency":"db","reason":"app.lua:9: broken"}]}`,
		`{"reasons":[{"code":"dependency_unavailable","dependency":"db","reason":"no answer within 2s"}]}`,
		`{}`,
	} {
		c.Advance(4*time.Second, nil)
		for range 3 {
			if got := readinessOf(t, s.gen); got != want {
				t.Errorf("check %d: got %s, want %s", i+1, got, want)
			}
		}
		c.Advance(time.Second, nil)
	}
	var said []string
	for _, e := range s.logs.FilterField(zap.String("dependency", "db")).All() {
		said = append(said, e.Message)
	}
	if got := strings.Join(said, ", "); got != "dependency is available, dependency is not available, dependency is available" {
		t.Errorf("the log said %s: changes only", got)
	}
}

// A function that does not come back is not asked again meanwhile, and counts as failed; so does one
// that catches its end.
func TestReadinessHangs(t *testing.T) {
	s, c := frozen(t, `
		running, most = 0, 0
		local api = rover.server { health = { interval = 1, timeout = 60 }, readiness = { dependencies = {
			db = function()
				running = running + 1
				most = math.max(most, running)
				pcall(rover.sleep, 30)
				running = running - 1
				return true
			end,
			stubborn = function()
				for i = 1, 1000 do pcall(rover.sleep, 10) end
				return true
			end,
		} } }
		function api.get() return most end
		return api`)
	c.Advance(29*time.Second, nil)
	not := `{"code":"dependency_unavailable","dependency":"db","reason":"not checked yet"},`
	stubborn := `{"code":"dependency_unavailable","dependency":"stubborn","reason":"not checked yet"}`
	if got := readinessOf(t, s.gen); got != `{"reasons":[`+not+stubborn+`]}` {
		t.Errorf("got %s", got)
	}
	c.Advance(2*time.Second, nil)
	if got := readinessOf(t, s.gen); got != `{"reasons":[`+stubborn+`]}` {
		t.Errorf("got %s", got)
	}
	c.Advance(10*time.Minute, nil)
	if got := answer(s.do("GET /", "")); got != "200 1" {
		t.Errorf("as many at once: %s", got)
	}
}

// A new version goes on with what is known: there is no moment in which nothing is.
func TestReadinessReload(t *testing.T) {
	const source = `
		local api = rover.server { health = true, readiness = { dependencies = {
			db = function() rover.sleep(1) return true end, queue = true } } }
		function api.get() rover.ready("queue", false, "full") return "set" end
		return api`
	s, c := frozen(t, source)
	c.Advance(2*time.Second, nil)
	if got := readinessOf(t, s.gen); got != `{}` {
		t.Fatalf("got %s", got)
	}
	s.do("GET /", "")
	want := `{"reasons":[{"code":"dependency_unavailable","dependency":"queue","reason":"full"}]}`
	if got := readinessOf(t, s.gen); got != want {
		t.Fatalf("got %s", got)
	}
	before := s.gen
	next, err := s.vm.Load(t.Context(), Script{Path: before.dir + "/app.lua", Source: []byte(source), Timeout: time.Minute, Burst: time.Minute, Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	next.Start(t.Context())
	if got := readinessOf(t, next); got != want {
		t.Errorf("the new version: got %s", got)
	}
	before.Retire()
	c.Advance(time.Minute, nil)
	if got := readinessOf(t, next); got != want {
		t.Errorf("later: got %s", got)
	}
}

// rover.ready says how a dependency is that no function looks at.
func TestRoverReady(t *testing.T) {
	s := newServer(t, `
		local api = rover.server { health = true, readiness = { dependencies = { redis = true, db = function() return true end, store = true } } }
		function api.get(ctx) return tostring(select(2, pcall(loadstring(ctx:query().code)))) end
		return api`)
	for code, want := range map[string]string{
		`rover.ready("redes", true)`:    `rover.ready: the script has no dependency "redes"; did you mean redis?`,
		`rover.ready("db", true)`:       `rover.ready: how db is says the function of readiness.dependencies`,
		`rover.ready("store", true)`:    `rover.ready: how the store is, Rover knows itself`,
		`rover.ready("redis")`:          `true or false expected: is redis there?`,
		`rover.ready("redis", nil, {})`: `string expected`,
	} {
		if got := s.do("GET /?code="+url.QueryEscape(code), "").Body.String(); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", code, got, want)
		}
	}
	s.do("GET /?code="+url.QueryEscape(`rover.ready("redis", nil, "gone")`), "")
	if got := readinessOf(t, s.gen); !strings.Contains(got, `"dependency":"redis","reason":"gone"`) {
		t.Errorf("got %s", got)
	}
	s.do("GET /?code="+url.QueryEscape(`rover.ready("redis", "PONG")`), "")
	if got := readinessOf(t, s.gen); strings.Contains(got, "redis") {
		t.Errorf("got %s", got)
	}
}

// A before hook of all requests that is in quarantine leaves nothing to serve; any other function does.
func TestReadinessQuarantine(t *testing.T) {
	policy := FailClosed
	s := newServer(t, `
		local api = rover.server { health = true }
		function api.before.all(ctx) if ctx.path == "/stop" then while true do end end end
		function api.busy.get() while true do end end
		return api`, func(s *Script) { s.Quarantine, s.Burst = &policy, 20*time.Millisecond })
	for range quarantineAfter {
		s.do("GET /busy", "")
	}
	if got, want := readinessOf(t, s.gen), `{"warnings":[{"code":"handler_in_quarantine","reason":"GET /busy"}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for range quarantineAfter {
		s.do("GET /stop", "")
	}
	if got, want := readinessOf(t, s.gen), `{"reasons":[{"code":"hook_in_quarantine","reason":"before all at /"}],`; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A script whose dependencies nobody can ask for is told so.
func TestReadinessWithoutProbes(t *testing.T) {
	s := newServer(t, `return rover.server { readiness = { dependencies = { redis = true } } }`)
	if s.logs.FilterMessage("readiness of rover.server is for probes, and none is answered").Len() != 1 {
		t.Errorf("the log: %v", s.logs.All())
	}
}

// Nobody needs the VM to know how it is: not while somebody holds it, and not while others wait.
func TestReadinessWithoutVM(t *testing.T) {
	s := newServer(t, `return rover.server { health = true, readiness = { dependencies = { redis = false } } }`,
		func(*Script) {})
	s.vm.SetLimits(eventloop.Limits{Queue: 4, Batch: 1, MaxWaiting: 10})
	var group sync.WaitGroup
	defer group.Wait()
	defer s.holdVM()()
	redis := `{"code":"dependency_unavailable","dependency":"redis"}`
	if got := readinessOf(t, s.gen); got != `{"reasons":[`+redis+`]}` {
		t.Errorf("got %s", got)
	}
	for range 3 {
		group.Go(func() { _ = s.vm.loop.Do(context.Background(), func(*thread) error { return nil }) })
	}
	for {
		if depth, _ := s.vm.loop.Fullest(); depth == 3 {
			break
		}
		runtime.Gosched()
	}
	if got := readinessOf(t, s.gen); got != `{"reasons":[`+redis+`,{"code":"queue_filling"}]}` {
		t.Errorf("got %s", got)
	}
}
