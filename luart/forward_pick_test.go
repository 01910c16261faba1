package luart

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/proxy"
)

// asking proxies as a server does that asks pick until it is given "up", and says what it
// was given.
func asking(to *proxy.To, w http.ResponseWriter, r *http.Request) error {
	var last *proxy.TryError
	for attempt := 1; ; attempt++ {
		address, err := to.Pick(r.Context(), attempt, last)
		switch {
		case err != nil:
			return err
		case address == "":
			_, err := w.Write([]byte("none"))
			return err
		case address == "up":
			_, err := w.Write([]byte(r.Method + " up"))
			return err
		}
		last = &proxy.TryError{Upstream: address, Message: "down", Status: 503}
	}
}

func newPicking(t testing.TB, source string, change ...func(*Script)) *server {
	s := newServer(t, source, change...)
	s.proxied = asking
	return s
}

func TestPick(t *testing.T) {
	s := newPicking(t, `
		local api = rover.server {}
		local function pick(ctx, attempt, last)
			if attempt == 1 then
				assert(last == nil)
				return "a"
			end
			assert(last.upstream == "a" and last.message == "down" and last.status == 503)
			ctx:set("attempt", attempt)
			return "up"
		end
		function api.proxied.get() return api.proxy(nil, { pick = pick }) end
		function api.waits.get(ctx)
			return ctx:proxy(nil, { pick = function(...) rover.sleep(0.001) return pick(...) end }):body():text() .. ctx:get("attempt")
		end
		function api.none.get(ctx) return ctx:proxy(nil, { pick = function() end }) end
		function api.body.post(ctx)
			ctx:body()
			return ctx:proxy(nil, { pick = function(c) return c:body():text() end })
		end
		local function refuses(name, f, ...)
			local args = {...}
			api[name].any = function(ctx)
				local _, err = pcall(ctx.proxy, ctx, nil, { pick = function(c) return c[f](c, unpack(args)) end })
				return err
			end
		end
		refuses("header", "set_header", "A", "1")
		refuses("next", "next")
		refuses("again", "proxy", "up")
		refuses("upstream", "upstream", "up")
		refuses("unread", "body")
		function api.parallel.get(ctx)
			local _, err = pcall(ctx.proxy, ctx, nil, { pick = function(c)
				rover.parallel { function() c:set_method("PUT") end }
			end })
			return err
		end
		function api.raised.get(ctx)
			local ok, err = pcall(ctx.proxy, ctx, nil, { pick = function() error { status = 409, message = "taken" } end })
			assert(not ok)
			error(err)
		end
		function api.checks.get(ctx)
			local _, a = pcall(api.proxy, nil, {})
			local _, b = pcall(api.proxy, nil, { pick = "x" })
			return a .. "\n" .. b
		end
		function api.lock.get(ctx)
			local l = rover.lock("l")
			l:acquire()
			local _, err = pcall(ctx.proxy, ctx, nil, { pick = function() rover.lock("l"):acquire() end })
			return err
		end
		return api`)
	for range 2 {
		s.expect("GET /proxied", "200 GET up")
		s.expect("GET /waits", "200 GET up2")
		s.expect("GET /none", "200 none")
		s.expect("GET /raised", `409 {"error":"taken"}`)
	}
	if got := answer(s.do("POST /body", "up")); got != "200 POST up" {
		t.Errorf("body: %s", got)
	}
	if got := answer(s.do("POST /unread", "up")); !strings.Contains(got, "pick can use the body if it was read before") {
		t.Errorf("unread: %s", got)
	}
	for path, want := range map[string]string{
		"/header":   "ctx:set_header cannot be used in pick: the request is on its way",
		"/next":     "ctx:next cannot be used in pick",
		"/again":    "ctx:proxy cannot be used in pick",
		"/upstream": "ctx:upstream cannot be used in pick",
		"/parallel": "ctx:set_method cannot be used in pick",
		"/checks":   "upstream address expected, got nil",
		"/lock":     `lock "l"`,
	} {
		if got := answer(s.do("GET "+path, "")); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// A pick that does not wait and does not end is ended as a handler is, alone.
func TestPickBurst(t *testing.T) {
	s := newPicking(t, `
		local api = rover.server {}
		local function pick() while true do rover.vm.spend() end end
		function api.proxied.get() return api.proxy(nil, { pick = pick }) end
		function api.caught.get(ctx) pcall(ctx.proxy, ctx, nil, { pick = pick }) return "caught" end
		function api.on.get() return "on" end
		return api`, withSpend)
	s.expect("GET /proxied", `500 {"error":"internal error"}`)
	s.expect("GET /caught", `500 {"error":"internal error"}`)
	s.expect("GET /on", "200 on")
	if got := s.vm.Counters().Kills; got != 4 {
		t.Errorf("%d kills, want 4", got)
	}
}

// pick has the timeout of a request for itself in api.proxy, what is left of the handler's
// in ctx:proxy.
func TestPickTimeout(t *testing.T) {
	s := newPicking(t, `
		local api = rover.server {}
		local function pick() rover.sleep(3600) end
		function api.proxied.get() return api.proxy(nil, { pick = pick }) end
		function api.called.get(ctx) return ctx:proxy(nil, { pick = pick }) end
		return api`, func(s *Script) { s.Timeout = 50 * time.Millisecond })
	s.expect("GET /proxied", `504 {"error":"timeout"}`)
	s.expect("GET /called", `504 {"error":"timeout"}`)
}

// A client that leaves ends the wait of pick.
func TestPickClientLeaves(t *testing.T) {
	s := newPicking(t, `
		local api = rover.server {}
		local function pick()
			rover.log.info("picking")
			local _, err = pcall(rover.sleep, 3600)
			rover.log.info(err)
			error(err, 0)
		end
		function api.proxied.get() return api.proxy(nil, { pick = pick }) end
		function api.called.get(ctx) return ctx:proxy(nil, { pick = pick }) end
		return api`)
	for _, path := range []string{"/proxied", "/called"} {
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan struct{})
		go func() {
			defer close(served)
			s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil).WithContext(ctx))
		}()
		s.awaitLine("picking")
		cancel()
		s.awaitLine("app.lua:5: the client closed the request")
		<-served
	}
}

// Several handings over of one request ask at once, and one that is dropped asks no more.
func TestPickAtOnce(t *testing.T) {
	s := newPicking(t, `
		local api = rover.server {}
		local n = 0
		function api.hedge.get(ctx)
			local calls = {}
			for i = 1, 20 do
				calls[i] = function()
					return ctx:proxy(nil, { pick = function(_, attempt)
						n = n + 1
						rover.sleep(0.001 * (i % 3))
						return attempt < 3 and "a" or "up"
					end }):body():text()
				end
			end
			local all = { rover.parallel(calls) }
			local sum = n
			n = 0
			return sum .. " " .. #all .. " " .. all[20]
		end
		return api`)
	s.expect("GET /hedge", "200 60 20 GET up")
}

// After hooks see the answer of the upstream that was picked, or the error of pick, whether
// they run inside the handler or wait for the body.
func TestPickAfter(t *testing.T) {
	for _, hook := range []string{
		`function api.after.mark(_, res) res:set_header("X-Status", tostring(res.status)) end`,
		`function api.after.mark(_, res) res:set_body(res:body():text() .. "!"):set_header("X-Status", tostring(res.status)) end`,
	} {
		s := newPicking(t, `
			local api = rover.server {}
			local function up(_, attempt) rover.sleep(0) return attempt < 3 and "a" or "up" end
			function api.up.get() return api.proxy(nil, { pick = up }) end
			function api.fails.get() return api.proxy(nil, { pick = function() error("why") end }) end
			function api.taken.get() return api.proxy(nil, { pick = function() error { status = 409, message = "taken" } end }) end
			function api.sends.get(ctx) return api.proxy(nil, { pick = function() error("send") end }) end
			function api.on_error(err, ctx)
				if err.message:find("send$") then return select(2, pcall(ctx.next, ctx)) end
			end
			`+hook+`
			return api`, func(s *Script) { s.OnFailure = FailPass })
		end := ""
		if strings.Contains(hook, "!") {
			end = "!"
		}
		for path, want := range map[string]string{
			"/up":    "200 GET up" + end,
			"/fails": `500 {"error":"internal error"}` + end,
			"/taken": `409 {"error":"taken"}` + end,
			"/sends": "500 app.lua:9: there is a response already: the request can be passed on before that only" + end,
		} {
			w := s.do("GET "+path, "")
			if got := answer(w); got != want || w.Header().Get("X-Status") != want[:3] {
				t.Errorf("%s: %q %q, want %q", path, got, w.Header(), want)
			}
		}
		if n := len(s.logged("script error")); n != 3 {
			t.Errorf("%d errors were logged, want 3", n)
		}
	}
}
