package luart

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/store"
)

const limited = `
	local api = rover.server {}
	api.limited.limit { rate = 2, per = 60 }
	function api.limited.get() return "in" end
	api.by_header.limit { rate = 1, per = 60, key = "header:X-Key" }
	function api.by_header.get() return "in" end
	api.by_cookie.limit { rate = 1, per = 60, key = "cookie:sid" }
	function api.by_cookie.get() return "in" end
	api.by_all.limit { rate = 3, per = 60, key = "route" }
	function api.by_all.get() return "in" end
	api.by_lua.limit { rate = 1, per = 60, key = function(ctx) rover.sleep(0.001) return ctx:query().user end }
	function api.by_lua.get() return "in" end
	api.by_some.limit { rate = 1, per = 60, key = function(ctx)
		if ctx:query().fail then error("no key") end
		return ctx:query().user ~= "monitor" and ctx:query().user
	end }
	function api.by_some.get() return "in" end
	api.by_some.wrong.limit { rate = 9, per = 60, name = "wrong", key = function(ctx) return true end }
	api.by_none.limit { rate = 1, per = 60, key = function() return false end }
	api.by_none.limit { rate = 2, per = 60, name = "beside it" }
	function api.by_none.get() return "in" end
	api.a.limit { rate = 1, per = 60, name = "both" }
	api.b.limit { rate = 1, per = 60, name = "both" }
	api.cost.limit { rate = 10, per = 60, cost = 4 }
	api.two.limit { rate = 100, per = 1 }
	api.two.limit { rate = 1, per = 60, key = "route" }
	function api.limit.get() return "a segment" end
	api.files.w_path.limit { rate = 1, per = 60 }
	api.files.w_path.concurrency { max = 1 }
	return api`

// statuses sends a request n times, and returns the statuses.
func (s *server) statuses(n int, request string, headers ...string) string {
	var all []string
	for range n {
		all = append(all, fmt.Sprint(s.do(request, "", headers...).Code))
	}
	return strings.Join(all, " ")
}

// A limit counts what comes to its place and below, by any reading, routed or not.
func TestLimit(t *testing.T) {
	// By its own clock all of it takes less than a second, which the last header tells.
	s := newServerIn(t, VMOptions{Clock: clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), nil)}, limited)
	for _, c := range []struct {
		n       int
		request string
		header  string
		want    string
	}{
		{3, "GET /limited", "", "200 200 429"},
		{1, "GET /limited/below", "", "429"},
		{1, "POST /LIMITED;v=1", "", "429"},
		{1, "GET //limited", "", "429"},
		{1, "GET /x/../limited", "", "429"},
		{2, "GET /other", "", "200 200"},
		{2, "GET /by_header", "X-Key: a", "200 429"},
		{2, "GET /by_header", "X-Key: b", "200 429"},
		{2, "GET /by_header", "", "200 429"}, // by the address
		{2, "GET /by_cookie", "Cookie: sid=a", "200 429"},
		{2, "GET /by_cookie", "Cookie: sid=b", "200 429"},
		{2, "GET /by_cookie", "Cookie: other=b", "200 429"},
		{4, "GET /by_all", "", "200 200 200 429"},
		{2, "GET /by_lua?user=ann", "", "200 429"},
		{2, "GET /by_lua?user=bob", "", "200 429"},
		{2, "GET /by_lua", "", "200 429"},
		{2, "GET /by_some?user=ann", "", "200 429"},
		{3, "GET /by_some?user=monitor", "", "200 200 200"}, // false: the limit does not hold
		{2, "GET /by_some", "", "200 429"},
		{2, "GET /by_some?user=bob&fail=1", "", "500 500"},
		{1, "GET /by_some?user=bob", "", "200"},
		{2, "GET /by_some/wrong?user=monitor", "", "500 500"},
		{3, "GET /by_none", "", "200 200 429"},
		{1, "GET /a", "", "200"},
		{1, "GET /b", "", "429"},
		{3, "GET /cost", "", "200 200 429"},
		{2, "GET /two", "", "200 429"},
		{2, "GET /limit", "", "200 200"},
		{2, "GET /files/a/b", "", "200 429"},
	} {
		var headers []string
		if c.header != "" {
			headers = []string{c.header}
		}
		if got := s.statuses(c.n, c.request, headers...); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.request, c.header, got, c.want)
		}
	}
	// What is told, and that no Lua ran for what a limit has refused.
	w := s.do("GET /limited", "")
	for name, want := range map[string]string{"Ratelimit-Limit": "2", "Ratelimit-Remaining": "0", "Ratelimit-Reset": "60"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if got := answer(s.do("GET /by_lua", "")); got != `429 {"error":"Too many requests"}` {
		t.Error(got)
	}
	for name, want := range map[string]string{"/limited": "2 6", "/by_header": "3 3", "both": "1 1", "/by_some": "3 2", "wrong": "0 0", "/by_none": "0 0", "beside it": "2 1"} {
		c := s.vm.LimitCounts()[name]
		if got := fmt.Sprint(c.Allowed.Load(), " ", c.Denied.Load()); got != want {
			t.Errorf("%s was counted %s, not %s", name, got, want)
		}
	}
}

// Counts survive a reload; a limit that has changed goes on with what was used.
func TestLimitSurvivesReload(t *testing.T) {
	s := newServer(t, limited)
	if got := s.statuses(3, "GET /limited"); got != "200 200 429" {
		t.Fatal(got)
	}
	old := s.gen
	if err := s.load(strings.Replace(limited, "rate = 2, per = 60", "rate = 3, per = 60", 1)); err != nil {
		t.Fatal(err)
	}
	old.Retire()
	if got := s.statuses(3, "GET /limited"); strings.Count(got, "200") > 1 || !strings.HasSuffix(got, "429") {
		t.Errorf("after the reload: %s", got)
	}
}

// A limit whose store is away does as it says.
func TestLimitWithoutStore(t *testing.T) {
	away, err := store.NewRedis(store.RedisOptions{URL: "unix:///nonexistent/redis.sock", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	away.AwaitFirst(t.Context())
	s := newServer(t, `
		local api = rover.server {}
		api.mine.limit { rate = 2, per = 60 }
		api.closed.limit { rate = 2, per = 60, on_failure = "closed" }
		api.open.limit { rate = 2, per = 60, on_failure = "open" }
		api.here.limit { rate = 2, per = 60, shared = false }
		api.lua.limit { rate = 2, per = 60, on_failure = "closed", key = function() end }
		return api`, func(s *Script) { s.Store = away })
	for path, want := range map[string]string{
		"/mine": "200 200 429", "/closed": "503 503 503", "/open": "200 200 200", "/here": "200 200 429", "/lua": "503 503 503",
	} {
		if got := s.statuses(3, "GET "+path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	x := s.gen.Begin(nil, requestTo("/closed"), s, s.next)
	defer x.End()
	if _, err := x.Admit(http.Header{}, nil, nil); !errors.Is(err, store.ErrDown) {
		t.Errorf("got %v", err)
	}
}

// A limit counts a client by the value that ctx:header and ctx:cookie give guards. With another value
// beside it, which somebody behind may take, the request is refused.
func TestLimitKeyIsWhatScriptsRead(t *testing.T) {
	for _, c := range []struct {
		key, read     string
		first, second []string
		want          string // what guards read of the second
		status        string // of the second
	}{
		{"header:X-Key", `header("x-key")`, []string{"X-Key: a"}, []string{"X-Key: a", "X-Key: b"}, "a", "400"},
		{"header:x-key", `header("x-key")`, []string{"X-Key: a"}, []string{"X-Key: a", "X-Key: a", "X-Key: b"}, "a", "400"},
		{"header:X-Key", `header("x-key")`, []string{"X-Key: a"}, []string{"X-Key: b", "X-Key: a"}, "b", "400"},
		{"header:X-Key", `header("x-key")`, []string{"X-Key: a"}, []string{"X-Key: a", "X-Key: a"}, "a", "429"},
		{"header:X-Key", `header("x-key")`, []string{"X-Key: a"}, []string{"X-Key: a, b"}, "a, b", "200"},
		{"header:X-Key", `header("x-key")`, []string{"X-Key: "}, []string{"X-Key: ", "X-Key: b"}, "", "400"},
		{"header:Host", `header("host")`, nil, nil, "example.com", "429"},
		{"header:Cookie", `header("cookie")`, []string{"Cookie: a=1; b=2"}, []string{"Cookie: a=1", "Cookie: b=2"}, "a=1; b=2", "429"},
		{"header:Authorization", `header("authorization")`, []string{"Authorization: a"}, []string{"Authorization: a", "Authorization: c"}, "400", "400"},
		{"header:Accept", `header("accept")`, nil, []string{"Accept: text/html", "Accept: text/plain"}, "text/html", "400"},
		{"cookie:sid", `cookie("sid")`, []string{"Cookie: sid=a"}, []string{"Cookie: sid=a; sid=b"}, "a", "400"},
		{"cookie:sid", `cookie("sid")`, []string{"Cookie: sid=a"}, []string{"Cookie: sid=a", "Cookie: sid=b"}, "a", "400"},
		{"cookie:sid", `cookie("sid")`, []string{"Cookie: sid=a"}, []string{"Cookie: sid=a; x=1; sid=a"}, "a", "429"},
		{"cookie:sid", `cookie("sid")`, []string{"Cookie: sid="}, []string{"Cookie: sid; sid=b"}, "", "400"},
		{"cookie:sid", `cookie("sid")`, []string{`Cookie: sid={"a":1}`}, []string{`Cookie: sid={"a":1}; sid=b`}, `{"a":1}`, "400"},
		{"cookie:a[b]", `cookie("a[b]")`, []string{"Cookie: a[b]=1"}, []string{"Cookie: a[b]=2"}, "2", "200"},
	} {
		s := newServer(t, fmt.Sprintf(`
			local api = rover.server {}
			api.limited.limit { rate = 1, per = 60, key = %q }
			function api.limited.get() return "in" end
			function api.read.get(ctx) return ctx:%s end
			return api`, c.key, c.read))
		if got := answer(s.do("GET /read", "", c.second...)); got != "200 "+c.want && !strings.HasPrefix(got, c.want+" ") {
			t.Errorf("%s of %q: guards read %s", c.key, c.second, got)
		}
		s.statuses(1, "GET /limited", c.first...)
		if got := s.statuses(1, "GET /limited", c.second...); got != c.status {
			t.Errorf("%s: %s for %q after %q, want %s", c.key, got, c.second, c.first, c.status)
		}
	}
}

// All rules with a key refuse it, before any Lua runs.
func TestKeysWithSeveralValues(t *testing.T) {
	for options, rule := range map[string]string{
		"":  `api.limited.limit { rate = 9, per = 60, key = "header:X-Key" }`,
		" ": `api.limited.concurrency { max = 9, key = "header:X-Key" }`,
		`rate_limit = { enabled = true, global = { requests_per_window = 9, window_secs = 60, key_header = "X-Key" } }`: "",
	} {
		s := newServer(t, fmt.Sprintf(`
			local api = rover.server { %s }
			%s
			function api.limited.get() return "in" end
			return api`, options, rule))
		if got := answer(s.do("GET /limited", "", "X-Key: a", "X-Key: b")); got != `400 {"error":"Several values of the header X-Key"}` {
			t.Errorf("%s%s: %s", options, rule, got)
		}
		s.expect("GET /limited", "200 in")
	}
}

// What the store has said is for the log, not for clients.
func TestLimitOfStoreThatIsAway(t *testing.T) {
	away, err := store.NewRedis(store.RedisOptions{URL: "unix:///nonexistent/redis.sock", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	away.AwaitFirst(t.Context())
	s := newServer(t, `
		local api = rover.server {}
		api.by_lua.limit { rate = 1, key = function() return "k" end, on_failure = "closed" }
		function api.by_lua.get() return "in" end
		api.limited.limit { rate = 1, on_failure = "closed" }
		return api`, func(s *Script) { s.Store = away })
	s.expect("GET /by_lua", `503 {"error":"the limit cannot be asked"}`)
	lines := s.logged("script error")
	if len(lines) == 0 || !strings.HasPrefix(lines[0].ContextMap()["error"].(string), "the limit cannot be asked: the store is down: ") {
		t.Errorf("the log says %v", lines)
	}
	x := s.gen.Begin(httptest.NewRecorder(), requestTo("/limited"), s, s.next)
	defer x.End()
	_, err = x.Admit(http.Header{}, nil, nil)
	if err == nil || err.Error() != "limit /limited: the store has not answered" || !errors.Is(err, store.ErrDown) {
		t.Error(err)
	}
}

func requestTo(path string) *http.Request {
	r, _ := http.NewRequest(http.MethodGet, path, nil)
	return r
}

func TestLimitMistakes(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for options, want := range map[string]string{
		`{}`:                                  "a rate of 0: more than 0",
		`{ rate = 0 }`:                        "option 'rate': more than 0 and at most 1e9 expected, got 0",
		`{ rate = "5" }`:                      "option 'rate': more than 0 and at most 1e9 expected, got the text \"5\"",
		`{ rate = 0/0 }`:                      "option 'rate': more than 0 and at most 1e9 expected, got ",
		`{ rate = 5, per = 0 }`:               "option 'per': seconds, 0.001 to a year, expected, got 0",
		`{ rate = 5, burst = 0 }`:             "option 'burst': an integer from 1 to 1e9 expected, got 0",
		`{ rate = 5, cost = 6 }`:              "a cost of 6 is more than the burst of 5",
		`{ rate = 5, key = "id" }`:            `option 'key': "ip", "route", "header:<name>", "cookie:<name>", "jwt:<claim>" or a function expected, got id`,
		`{ rate = 5, key = "header:" }`:       `or a function expected, got header:`,
		`{ rate = 5, key = "header:a b" }`:    `or a function expected, got header:a b`,
		`{ rate = 5, key = "header:X-Key:" }`: `or a function expected, got header:X-Key:`,
		`{ rate = 5, key = "cookie:a;b" }`:    `or a function expected, got cookie:a;b`,
		`{ rate = 5, pre = 60 }`:              `unknown option "pre": did you mean per?`,
		`{ rate = 5, shared = 1 }`:            "option 'shared': a boolean expected, got 1",
		`{ rate = 5, on_failure = "fail" }`:   `option 'on_failure': "local", "closed" or "open" expected, got fail`,
		`5`:                                   "table expected, got number",
	} {
		err := s.load("local api = rover.server {} api.x.limit(" + options + ") return api")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
	for _, script := range []string{"api.w_x.limit.get = print", "api.w_x.limit.before.x = print", "api.w_x.limit.y.get = print", "api.w_x.other {}"} {
		if err := s.load("local api = rover.server {} " + script + " return api"); err == nil || !strings.Contains(err.Error(), "a wildcard takes the rest") {
			t.Errorf("%s: %v", script, err)
		}
	}
	many := "local api = rover.server {} for i = 1, 500 do api[\"x\" .. i].limit { rate = 1 } api[\"x\" .. i].expect { get = { extra = \"keep\" } } end "
	if err := s.load(many + "return api"); err != nil {
		t.Error(err)
	}
	for rule, want := range map[string]string{
		"api.y.limit { rate = 1 }": "limit: a script has at most 1000 rules of places", `api.y.cors { origin = "*" }`: "cors: a script has at most 1000 rules of places",
	} {
		if err := s.load(many + rule + " return api"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	s = newServer(t, `local api = rover.server {} function api.get() api.x.limit { rate = 1 } end return api`)
	s.expect("GET /", `500 {"error":"internal error"}`)
}

// The client is told of the limit that leaves the least, whoever finds its key and whoever answers.
func TestLimitHeaders(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function who(ctx) return ctx:query().user or false end
		api.before.early = function(ctx) if ctx:query().early then ctx:next() end end
		api.limit { rate = 11, per = 3600, name = "all" }
		api.limit { rate = 5, per = 3600, name = "each", key = who }
		function api.lua.get() return "in" end
		function api.fails.get() error("x") end
		function api.sends.get() return api.stream(200, "text/plain", coroutine.wrap(function() coroutine.yield("in") end)) end
		function api.asks.get(ctx) return ctx:next():set_header("X-Asked", "1") end
		api.few.limit { rate = 2, per = 3600, key = "route" }
		api.none.limit { rate = 1, per = 3600, name = "none", key = function() return false end }
		return api`)
	for _, tt := range []struct{ request, want string }{
		{"GET /lua?user=a", "200 of 5: 4"},
		{"GET /lua?user=b", "200 of 5: 4"},
		{"GET /fails?user=a", "500 of 5: 3"},
		{"GET /sends?user=a", "200 of 5: 2"},
		{"GET /asks?user=c&early=1", "200 of 5: 4"},
		{"GET /asks?user=c", "200 of 5: 3"},
		{"GET /none", "200 of 11: 4"},
		{"GET /few", "200 of 2: 1"},
		{"GET /none?user=a", "200 of 5: 1"},
		{"GET /lua?user=c", "200 of 11: 1"}, // 2 are left of the other
		{"GET /none", "200 of 11: 0"},
		{"GET /none", "429 of 11: 0"},
	} {
		w := s.do(tt.request, "")
		h := w.Header()
		if got := fmt.Sprintf("%d of %s: %s", w.Code, h.Get("Ratelimit-Limit"), h.Get("Ratelimit-Remaining")); got != tt.want || h.Get("Ratelimit-Reset") == "" {
			t.Errorf("%s: got %s, want %s; %v", tt.request, got, tt.want, h)
		}
	}

	s = newServer(t, `
		local api = rover.server {}
		api.limit { rate = 2, per = 3600, name = "each", key = function(ctx) return ctx:query().user end }
		function api.passed.after.x(ctx, res) res:set_header("X-After", "1") end
		return api`)
	for _, path := range []string{"/behind", "/passed"} {
		for _, want := range []string{"200 1 GET", "200 0 GET", `429 0 {"er`} {
			w := s.do("GET "+path+"?user="+path, "")
			if got := fmt.Sprintf("%d %s %.4s", w.Code, w.Header().Get("Ratelimit-Remaining"), w.Body); strings.TrimSpace(got) != want {
				t.Errorf("%s: got %s, want %s", path, got, want)
			}
			if w.Code == 429 && (w.Header().Get("Retry-After") != "1800" || w.Header().Get("Ratelimit-Reset") != "3600") {
				t.Errorf("%s: refused with %v", path, w.Header())
			}
		}
	}
}
