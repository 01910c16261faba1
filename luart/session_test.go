package luart

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/clock"
	libsession "github.com/caddy-rover/rover/luart/lib/session"
	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

// browser keeps the cookies of a server.
type browser struct {
	s       *server
	cookies map[string]string
	headers []string // of each request
}

func (s *server) browser(headers ...string) *browser {
	return &browser{s, map[string]string{}, headers}
}

// do sends a request, "GET /path", and returns the answer: "200 text".
func (b *browser) do(request, body string, headers ...string) string {
	b.s.t.Helper()
	w := b.send(request, body, headers...)
	return answer(w)
}

func (b *browser) send(request, body string, headers ...string) *httptest.ResponseRecorder {
	b.s.t.Helper()
	var pairs []string
	for name, value := range b.cookies {
		pairs = append(pairs, name+"="+value)
	}
	if len(pairs) > 0 {
		headers = append(headers, "Cookie: "+strings.Join(pairs, "; "))
	}
	w := b.s.do(request, body, append(headers, b.headers...)...)
	for _, c := range w.Result().Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return w
}

func (b *browser) expect(request, want string, headers ...string) {
	b.s.t.Helper()
	if got := b.do(request, "", headers...); got != want {
		b.s.t.Errorf("%s: got %q, want %q", request, got, want)
	}
}

const sessionScript = `
local api = rover.server {}
local sessions = rover.session.new { %s }
function api.set.p_key.p_value.any(ctx)
	sessions:start(ctx):set(ctx:param("key"), ctx:param("value"))
	return "set"
end
function api.value.p_key.get(ctx) return tostring(sessions:start(ctx):get(ctx:param("key"))) end
function api.id.get(ctx) return sessions:start(ctx):id() end
function api.state.get(ctx) return sessions:start(ctx):state() end
function api.regenerate.get(ctx) local s = sessions:start(ctx) s:set("again", true) return s:regenerate() end
function api.logout.get(ctx) sessions:start(ctx):destroy() return "out" end
function api.csrf.get(ctx) return sessions:start(ctx):csrf() end
function api.csrf.post(ctx)
	local ok, why = sessions:start(ctx):check_csrf(ctx)
	return tostring(ok) .. " " .. tostring(why)
end
function api.fails.get(ctx) sessions:start(ctx):set("half", 1) error("broken") end
function api.refused.get(ctx) sessions:start(ctx):set("tries", 1) error { status = 401, message = "no" } end
function api.large.p_n.get(ctx) sessions:start(ctx):set("large", ("x"):rep(tonumber(ctx:param("n")))) return "set" end
local shared = api.text("always the same")
function api.shared.get(ctx) sessions:start(ctx):set("a", 1) return shared end
function api.plain.get() return shared end
function api.streams.get(ctx)
	local s = sessions:start(ctx)
	s:set("streamed", "yes")
	local n = 0
	return api.stream(200, "text/plain", function()
		n = n + 1
		if n == 1 then return s:get("streamed") end
		if n == 2 then return select(2, pcall(s.set, s, "late", 1)):gsub("^.-: ", "") end
	end)
end
function api.before.pass(ctx)
	if ctx.path:find("^/pass") then
		sessions:start(ctx):set("passed", ctx.path)
		if ctx.path == "/passing/proxy" then return api.proxy("a:1") end
	end
	if ctx.path == "/after" then sessions:start(ctx) end
end
function api.passes.after.strip(ctx, res)
	res:remove_header("Set-Cookie"):set_header("X-After", tostring(res.status))
	if ctx.path == "/passes/changed" then sessions:start(ctx):set("after", "too") end
	if ctx.path == "/passes/replaced" then return "another" end
end
return api`

// newServerIn is newServer with a VM of its own options.
func newServerIn(t *testing.T, o VMOptions, source string, change ...func(*Script)) *server {
	t.Helper()
	s := &server{t: t, vm: newVM(t, o), vars: map[string]any{}, fields: map[string]any{}}
	t.Cleanup(func() { s.vm.Close(context.Background()) })
	s.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "next") })
	if err := s.load(source, change...); err != nil {
		t.Fatal(err)
	}
	return s
}

// eachStore runs a test with sessions in the VM, on a server, and in cookies.
func eachStore(t *testing.T, options string, test func(t *testing.T, s *server)) {
	t.Helper()
	source := func(more string) string { return fmt.Sprintf(sessionScript, more+options) }
	t.Run("memory", func(t *testing.T) { test(t, newServer(t, source(""))) })
	t.Run("redis", func(t *testing.T) {
		engine := startStore(t, storetest.StartRedis(t), time.Minute)
		test(t, newServer(t, source(""), func(s *Script) { s.Store = engine }))
	})
	t.Run("sealed", func(t *testing.T) { test(t, newServer(t, source(`sealed = ("k"):rep(32), `))) })
}

func startStore(t testing.TB, server *storetest.Server, timeout time.Duration) *store.Redis {
	t.Helper()
	s, err := store.NewRedis(store.RedisOptions{URL: server.URL, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	s.AwaitFirst(t.Context())
	return s
}

// A session is what a browser had set before, and nobody else has.
func TestSession(t *testing.T) {
	eachStore(t, "", func(t *testing.T, s *server) {
		ann, bob := s.browser(), s.browser()
		ann.expect("GET /value/user", "200 nil")
		if len(ann.cookies) > 0 {
			t.Error("who has nothing to remember has a cookie:", ann.cookies)
		}
		w := ann.send("GET /set/user/ann", "")
		cookie := w.Header().Get("Set-Cookie")
		value := ann.cookies["__Host-rover_session"]
		if want := "__Host-rover_session=" + value + "; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax"; cookie != want {
			t.Errorf("got %q, want %q", cookie, want)
		}
		ann.expect("GET /value/user", "200 ann")
		bob.expect("GET /value/user", "200 nil")
		bob.expect("GET /set/user/bob", "200 set")
		ann.expect("GET /value/user", "200 ann")
		bob.expect("GET /value/user", "200 bob")
		ann.expect("GET /logout", "200 out")
		if len(ann.cookies) > 0 {
			t.Error("the cookie is there after the end:", ann.cookies)
		}
		ann.expect("GET /value/user", "200 nil")
		bob.expect("GET /value/user", "200 bob")
	})
}

// The cookie goes out with whatever response there is, and with no other one.
func TestSessionCookieIsSent(t *testing.T) {
	eachStore(t, "", func(t *testing.T, s *server) {
		s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Add("Set-Cookie", "upstream=1")
			fmt.Fprint(w, "upstream")
		})
		const name = "__Host-rover_session"
		for _, c := range []struct{ path, answer, key, value string }{
			{"/passes", "200 upstream", "passed", "/passes"},
			{"/passes/changed", "200 upstream", "after", "too"},
			{"/passes/replaced", "200 another", "passed", "/passes/replaced"},
			{"/passing/proxy", "200 proxy to [a:1]", "passed", "/passing/proxy"},
			{"/passing", "200 upstream", "passed", "/passing"}, // no after hook
			{"/streams", "200 yessession: the response has begun: change the session before, in a hook or in the handler", "streamed", "yes"},
			{"/refused", `401 {"error":"no"}`, "tries", "1"},
			{"/shared", "200 always the same", "a", "1"},
			{"/fails", `500 {"error":"internal error"}`, "half", "nil"},
		} {
			b := s.browser()
			w := b.send("GET "+c.path, "")
			if got := answer(w); got != c.answer {
				t.Errorf("%s: %s", c.path, got)
			}
			if sent := b.cookies[name] != ""; sent != (c.value != "nil") {
				t.Errorf("%s: the cookies are %q", c.path, w.Header()["Set-Cookie"])
			}
			if strings.HasPrefix(c.path, "/passes/") && b.cookies["upstream"] != "" {
				t.Errorf("%s: the hook has not removed the cookie of the upstream", c.path)
			}
			if c.path == "/passing" && b.cookies["upstream"] == "" {
				t.Error("the cookie of the upstream is gone")
			}
			b.expect("GET /value/"+c.key, "200 "+c.value)
		}
		if w := s.do("GET /plain", ""); len(w.Header()["Set-Cookie"]) > 0 {
			t.Error("a response that others share has somebody's cookie:", w.Header())
		}
	})
}

// Cookies that browsers do not keep are logged, once.
func TestSessionPlainHTTP(t *testing.T) {
	for _, c := range []struct {
		options, header string
		want            int
	}{
		{"", "X: y", 1},
		{"secure = false", "X: y", 0},
		{"", "X-Forwarded-Proto: https", 0},
	} {
		core, logs := observer.New(zap.WarnLevel)
		s := newServerIn(t, VMOptions{Logger: zap.New(core)}, fmt.Sprintf(sessionScript, c.options))
		s.trusted = true
		s.browser().expect("GET /value/user", "200 nil", c.header)
		if logs.Len() > 0 {
			t.Error("it was logged before there was a cookie")
		}
		s.browser().expect("GET /set/user/ann", "200 set", c.header)
		s.browser().expect("GET /set/user/ann", "200 set", c.header)
		if logs.Len() != c.want {
			t.Errorf("%s, %s: %v", c.options, c.header, logs.All())
		}
	}
}

// It goes out with responses of others that hooks have read, and that a handler returns, too.
func TestSessionCookieOfForwarded(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local sessions = rover.session.new { cookie_name = "sid" }
		function api.read.before.s(ctx) sessions:start(ctx):set("a", 1) end
		function api.read.after.s(ctx, res) res:set_body("read " .. res:body():text()) end
		function api.returned.get(ctx)
			local res = ctx:next()
			sessions:start(ctx):set("a", 1)
			return res
		end
		function api.filtered.before.s(ctx) sessions:start(ctx):set("a", 1) end
		function api.filtered.after.s(ctx, res) res:on_chunk(function(chunk) error("broken") end) end
		function api.caught.any(ctx)
			pcall(sessions.start, sessions, ctx)
			return tostring(pcall(sessions.start, sessions, ctx))
		end
		return api`)
	s.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Set-Cookie", "upstream=1")
		fmt.Fprint(w, "upstream")
	})
	for path, want := range map[string]string{
		"/read": "200 read upstream", "/returned": "200 upstream", "/filtered": `500 {"error":"internal error"}`,
	} {
		b := s.browser()
		if got := b.do("GET "+path, ""); got != want || b.cookies["sid"] == "" || path != "/filtered" && b.cookies["upstream"] != "1" {
			t.Errorf("%s: %s %v", path, got, b.cookies)
		}
	}
	s.expect("POST /caught", "200 false", "Sec-Fetch-Site: cross-site")
}

// Ids are made here. One that a client makes up, or has from somewhere else, is none.
func TestSessionFixation(t *testing.T) {
	s := newServer(t, fmt.Sprintf(sessionScript, `cookie_name = "sid", secure = false`))
	for _, id := range []string{"", "admin", strings.Repeat("A", 43), strings.Repeat("A", 42) + "B", strings.Repeat("A", 5000), "../../x"} {
		b := s.browser()
		b.cookies["sid"] = id
		b.expect("GET /value/user", "200 nil")
		if b.cookies["sid"] != id { // another request may have set it meanwhile
			t.Errorf("a request that sets nothing has changed the cookie to %q", b.cookies["sid"])
		}
		b.expect("GET /set/user/eve", "200 set")
		if got := b.cookies["sid"]; got == id || len(got) != 43 {
			t.Errorf("the id %q became %q", id, got)
		}
	}

	// Another id at the login: the old one is dead.
	ann := s.browser()
	ann.expect("GET /set/cart/1", "200 set")
	old := s.browser()
	old.cookies["sid"] = ann.cookies["sid"]
	got := ann.do("GET /regenerate", "")
	if got != "200 "+ann.cookies["sid"] || ann.cookies["sid"] == old.cookies["sid"] {
		t.Error(got, ann.cookies)
	}
	ann.expect("GET /value/cart", "200 1")
	ann.expect("GET /value/again", "200 true")
	old.expect("GET /value/cart", "200 nil")

	// A copy of a cookie ends with its session.
	old.cookies["sid"] = ann.cookies["sid"]
	old.expect("GET /value/cart", "200 1")
	ann.expect("GET /logout", "200 out")
	old.expect("GET /value/cart", "200 nil")

	// Two cookies of one name: somebody below the domain has set one. Neither is believed.
	eve := s.browser()
	ann.expect("GET /set/user/ann", "200 set")
	eve.expect("GET /set/user/eve", "200 set")
	both := "Cookie: sid=" + eve.cookies["sid"] + "; sid=" + ann.cookies["sid"]
	s.expect("GET /value/user", "200 nil", both)
	s.expect("GET /value/user", "200 nil", "Cookie: sid="+eve.cookies["sid"], "Cookie: sid="+ann.cookies["sid"])
	s.expect("GET /value/user", "200 ann", "Cookie: sid="+ann.cookies["sid"]+"; sid="+ann.cookies["sid"])
}

// The store has no ids: whoever reads it cannot take a session over.
func TestSessionKeysAreHashes(t *testing.T) {
	s := newServer(t, fmt.Sprintf(sessionScript, ""))
	b := s.browser()
	b.expect("GET /set/user/ann", "200 set")
	keys, err := s.vm.kept.List(t.Context(), "", "", 10)
	if err != nil || len(keys) != 1 || strings.Contains(strings.Join(keys, ""), b.cookies["__Host-rover_session"]) {
		t.Error(keys, err)
	}
	item, _, _ := s.vm.kept.Get(t.Context(), keys[0])
	if strings.Contains(string(item.Value), b.cookies["__Host-rover_session"]) {
		t.Error("the value has the id")
	}
}

// Requests of one session that run at once lose nothing of each other, but for what both have set.
func TestSessionMerges(t *testing.T) {
	const script = `
		local api = rover.server {}
		local sessions = rover.session.new { cookie_name = "sid" }
		local all = rover.channel("all", 100)
		function api.begin.get(ctx) sessions:start(ctx):set("old", "kept") return "" end
		function api.set.p_key.get(ctx)
			local s = sessions:start(ctx)
			all:send(true)
			while all:len() < 20 do rover.sleep(0.001) end -- all have read it
			s:set(ctx:param("key"), true)
			if ctx:param("key") == "k7" then s:remove("old") end
			return ""
		end
		function api.len.get(ctx) local s = sessions:start(ctx) return tostring(s:len()) .. tostring(s:get("old")) end
		function api.late.get(ctx)
			local s = sessions:start(ctx)
			s:set("late", true)
			-- Somebody else ends it before this is saved.
			local other = sessions:get(s:id())
			other:destroy()
			return ""
		end
		return api`
	for name, change := range map[string]func(*Script){
		"memory": func(*Script) {},
		"redis": func() func(*Script) {
			engine := startStore(t, storetest.StartRedis(t), time.Minute)
			return func(s *Script) { s.Store = engine }
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, script, change)
			b := s.browser()
			b.expect("GET /begin", "200 ")
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					w := s.do(fmt.Sprintf("GET /set/k%d", i), "", "Cookie: sid="+b.cookies["sid"])
					if w.Code != http.StatusOK {
						t.Error(answer(w))
					}
				})
			}
			wg.Wait()
			b.expect("GET /len", "200 20nil")

			// One that has ended meanwhile does not come back.
			b.expect("GET /late", "200 ")
			b.expect("GET /len", "200 0nil")
		})
	}
}

// A session ends when it was not used for ttl, and max_age after it has begun whatever happens.
func TestSessionTime(t *testing.T) {
	eachClock := func(t *testing.T, options string, test func(c *clock.Clock, s *server)) {
		c := clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), func() {})
		test(c, newServerIn(t, VMOptions{Clock: c}, fmt.Sprintf(sessionScript, options)))
	}
	for _, sealed := range []string{"", `, sealed = ("k"):rep(32)`} {
		eachClock(t, `cookie_name = "sid", ttl = 100, max_age = 300`+sealed, func(c *clock.Clock, s *server) {
			b := s.browser()
			b.expect("GET /set/user/ann", "200 set")
			first := b.cookies["sid"]
			step := func(d time.Duration) { c.Advance(d, nil) }
			step(5 * time.Second)
			if w := b.send("GET /value/user", ""); answer(w) != "200 ann" || len(w.Header()["Set-Cookie"]) > 0 {
				t.Error("a session that was just used is renewed:", w.Header())
			}
			for range 3 {
				step(90 * time.Second)
				if w := b.send("GET /value/user", ""); answer(w) != "200 ann" || !strings.Contains(w.Header().Get("Set-Cookie"), "; Max-Age=") {
					t.Error("a session that is used is not renewed:", answer(w), w.Header())
				}
			}
			// 275 s after its begin it has 25 s left, however it is used.
			step(20 * time.Second)
			b.expect("GET /value/user", "200 ann")
			step(5 * time.Second)
			b.expect("GET /value/user", "200 nil")
			if sealed != "" { // a copy of the first cookie was idle for too long
				b.cookies["sid"] = first
				b.expect("GET /value/user", "200 nil")
			}

			b.expect("GET /set/user/bob", "200 set")
			step(101 * time.Second)
			b.expect("GET /value/user", "200 nil")

			// Who only writes, and often, has a cookie that lasts as long as the session.
			b.expect("GET /set/user/bob", "200 set")
			sent := c.Now()
			for range 40 {
				step(7 * time.Second)
				w := b.send("GET /set/user/bob", "")
				if strings.Contains(w.Header().Get("Set-Cookie"), "; Max-Age=") {
					sent = c.Now()
				}
				if c.Now().Sub(sent) > 20*time.Second {
					t.Fatal("the cookie of a session that is written is not renewed")
				}
			}
		})
	}
}

// Other sites cannot have their visitors change anything, and forms can be told by a token.
func TestSessionCSRF(t *testing.T) {
	eachStore(t, `trusted_origins = "https://app.example.org", `, func(t *testing.T, s *server) {
		b := s.browser()
		const refused = `403 {"error":"the request comes from another site"}`
		b.expect("POST /set/user/ann", "200 set", "Sec-Fetch-Site: same-origin")
		b.expect("POST /set/user/ann", "200 set") // no browser, or an old one that is told by the token
		b.expect("POST /set/user/eve", refused, "Sec-Fetch-Site: cross-site")
		b.expect("POST /set/user/eve", refused, "Sec-Fetch-Site: same-site")
		b.expect("DELETE /set/user/eve", refused, "Origin: https://evil.example")
		b.expect("POST /set/user/eve", refused, "Origin: null")
		b.expect("POST /set/user/eve", `400 {"error":"2 Origin headers: a request has one"}`, "Origin: https://app.example.org", "Origin: https://evil.example")
		b.expect("POST /set/user/eve", `400 {"error":"2 Sec-Fetch-Site headers: a request has one"}`, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site")
		b.expect("GET /set/user/eve", refused, "Sec-Fetch-Site: cross-site", "Upgrade: websocket", "Connection: Upgrade")
		b.expect("GET /set/user/eve", refused, "Origin: https://evil.example", "Upgrade: x, WebSocket", "Connection: Upgrade")
		b.expect("GET /value/user", "200 ann", "Sec-Fetch-Site: cross-site") // a link from elsewhere
		b.expect("POST /set/user/ann", "200 set", "Origin: https://app.example.org", "Sec-Fetch-Site: cross-site")

		token := strings.TrimPrefix(b.do("GET /csrf", ""), "200 ")
		again := strings.TrimPrefix(b.do("GET /csrf", ""), "200 ")
		other := strings.TrimPrefix(s.browser().do("GET /csrf", ""), "200 ")
		if token == again || len(token) != 86 {
			t.Error("tokens are", token, again)
		}
		const form = "Content-Type: application/x-www-form-urlencoded"
		for _, c := range []struct {
			want, body string
			headers    []string
		}{
			{"true nil", "", []string{"X-CSRF-Token: " + token}},
			{"true nil", "", []string{"X-CSRF-Token: " + again}},
			{"true nil", "a=b&csrf_token=" + token, []string{form}},
			{"true nil", "--x\r\nContent-Disposition: form-data; name=csrf_token\r\n\r\n" + token + "\r\n--x--\r\n", []string{"Content-Type: multipart/form-data; boundary=x"}},
			{"false the CSRF token is missing", "", nil},
			{"false the CSRF token is missing", `{"csrf_token":"` + token + `"}`, []string{"Content-Type: application/json"}},
			{"false the CSRF token is not one of this session", "", []string{"X-CSRF-Token: " + other}},
			{"false the CSRF token is not one of this session", "", []string{"X-CSRF-Token: " + token[1:]}},
			{"false the CSRF token is not one of this session", "", []string{"X-CSRF-Token: " + strings.Repeat("A", 86)}},
			{"false the CSRF token is not one of this session", "csrf_token=x", []string{form}},
		} {
			if got := b.do("POST /csrf", c.body, c.headers...); got != "200 "+c.want {
				t.Errorf("%q %q: %s", c.body, c.headers, got)
			}
		}
		// Who has no session gets one with the token.
		fresh := s.browser()
		first := strings.TrimPrefix(fresh.do("GET /csrf", ""), "200 ")
		fresh.expect("POST /csrf", "200 true nil", "X-CSRF-Token: "+first)

		// Nobody has the tokens of a session that there is not.
		if got := s.browser().do("POST /csrf", "", "X-CSRF-Token: "+token); got != "200 false the CSRF token is not one of this session" {
			t.Error(got)
		}
	})
	s := newServer(t, fmt.Sprintf(sessionScript, `csrf = "token"`))
	b := s.browser()
	token := strings.TrimPrefix(b.do("GET /csrf", ""), "200 ")
	b.expect("POST /set/user/ann", `403 {"error":"the CSRF token is missing"}`)
	b.expect("POST /set/user/ann", "200 set", "X-CSRF-Token: "+token)
	s = newServer(t, fmt.Sprintf(sessionScript, `csrf = false`))
	s.browser().expect("POST /set/user/ann", "200 set", "Sec-Fetch-Site: cross-site")
}

// A session is of a bounded size, and fits into a cookie where it is there.
func TestSessionSize(t *testing.T) {
	eachStore(t, "", func(t *testing.T, s *server) {
		b := s.browser()
		fits, not := 16000, 16380
		if strings.HasSuffix(t.Name(), "/sealed") {
			fits, not = 2850, 2950
		}
		if w := b.send(fmt.Sprintf("GET /large/%d", fits), ""); answer(w) != "200 set" || len(w.Header().Get("Set-Cookie")) > 4096 {
			t.Error(answer(w), len(w.Header().Get("Set-Cookie")))
		}
		b.expect(fmt.Sprintf("GET /large/%d", not), `500 {"error":"internal error"}`)
		if got := b.do("GET /value/large", ""); len(got) != len("200 ")+fits {
			t.Error("the session has", len(got), "bytes")
		}
	})
}

// What others have made of a sealed cookie is no session, and keys can be replaced.
func TestSessionSealed(t *testing.T) {
	script := func(keys string) string {
		return fmt.Sprintf(sessionScript, `cookie_name = "sid", sealed = `+keys)
	}
	const a, b, c = `("a"):rep(32)`, `("b"):rep(32)`, `("c"):rep(32)`
	s := newServer(t, script(a))
	ann := s.browser()
	ann.expect("GET /set/user/ann", "200 set")
	sealed := ann.cookies["sid"]
	if strings.Contains(sealed, "ann") || strings.Contains(sealed, "user") {
		t.Error(sealed)
	}
	for i := range sealed {
		flipped := byte('A')
		if sealed[i] == 'A' {
			flipped = 'B'
		}
		got := answer(s.do("GET /value/user", "", "Cookie: sid="+sealed[:i]+string(flipped)+sealed[i+1:]))
		if got != "200 nil" {
			t.Fatalf("byte %d: %s", i, got)
		}
	}
	for _, keys := range []string{`{ ` + b + `, ` + a + ` }`, b} {
		if err := s.load(script(keys)); err != nil {
			t.Fatal(err)
		}
		ann.expect("GET /value/user", "200 ann") // sealed again with the first key
	}
	ann.cookies["sid"] = sealed
	ann.expect("GET /value/user", "200 nil")

	// A cookie of another store with the same key.
	if err := s.load(fmt.Sprintf(sessionScript, `cookie_name = "other", sealed = `+a)); err != nil {
		t.Fatal(err)
	}
	s.expect("GET /value/user", "200 nil", "Cookie: other="+sealed)
	if err := s.load(script(`{ "short", ` + c + ` }`)); err == nil || strings.Contains(err.Error(), `"short"`) {
		t.Error("a short key:", err)
	}
}

// What sessions do is counted, of those in the store and of sealed ones.
func TestSessionCounts(t *testing.T) {
	for _, options := range []string{`cookie_name = "sid"`, `cookie_name = "sid", sealed = ("k"):rep(32)`} {
		s := newServer(t, fmt.Sprintf(sessionScript, options))
		ann := s.browser()
		ann.expect("GET /value/user", "200 nil") // none
		ann.expect("GET /logout", "200 out")
		ann.expect("GET /set/user/ann", "200 set")
		ann.expect("GET /set/user/anna", "200 set")
		s.browser().expect("GET /set/user/bob", "200 set")
		ann.do("POST /set/user/eve", "", "Sec-Fetch-Site: cross-site")
		ann.expect("GET /logout", "200 out")
		c := libsession.Stats(s.vm)
		if started, ended, refused := c.Started.Load(), c.Ended.Load(), c.Refused.Load(); started != 2 || ended != 1 || refused != 1 {
			t.Errorf("%s: %d started, %d ended, %d refused", options, started, ended, refused)
		}
	}
}

// While the store is down nobody is taken for logged in, nor for logged out, and nothing is said to be
// saved that is not.
func TestSessionStoreDown(t *testing.T) {
	server := storetest.StartRedis(t)
	engine := startStore(t, server, 2*time.Second)
	withStore := func(s *Script) { s.Store = engine }
	closed := newServer(t, fmt.Sprintf(sessionScript, `cookie_name = "sid"`), withStore)
	core, logs := observer.New(zap.WarnLevel)
	open := newServerIn(t, VMOptions{Logger: zap.New(core)}, fmt.Sprintf(sessionScript, `cookie_name = "sid", on_failure = "open"`), withStore)
	ann := closed.browser()
	ann.expect("GET /set/user/ann", "200 set")
	also := open.browser()
	also.cookies["sid"] = ann.cookies["sid"]

	server.Pause()
	for _, path := range []string{"/value/user", "/set/a/b", "/logout", "/regenerate", "/passing"} {
		if got := ann.do("GET "+path, ""); got != `503 {"error":"sessions are not available"}` {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, line := range closed.logged("script error") {
		if text := line.ContextMap()["error"].(string); !strings.HasPrefix(text, "sessions are not available: the store is down: ") {
			t.Errorf("the log says %s", text)
		}
	}
	if len(closed.logged("script error")) == 0 {
		t.Error("the log says nothing")
	}
	// Who has no session yet asks nothing of the store, but for what is to be saved.
	fresh := closed.browser()
	fresh.expect("GET /value/user", "200 nil")
	if got := fresh.do("GET /set/user/x", ""); got != `503 {"error":"the session cannot be saved"}` || len(fresh.cookies) > 0 {
		t.Error(got, fresh.cookies)
	}
	if got := fresh.do("GET /passing", ""); got != `503 {"error":"the session cannot be saved"}` {
		t.Error(got)
	}

	also.expect("GET /value/user", "200 nil")
	also.expect("GET /set/user/x", "200 set")
	also.expect("GET /state", "200 unsaved")
	if got := also.do("GET /logout", ""); got != `503 {"error":"the session cannot be destroyed"}` {
		t.Error(got)
	}
	other := open.browser()
	other.expect("GET /set/user/x", "200 set")
	if len(other.cookies) > 0 {
		t.Error("a cookie of a session that is not saved:", other.cookies)
	}
	if n := logs.FilterMessage("sessions are neither read nor saved").Len(); n != 1 {
		t.Error("it was logged", n, "times")
	}

	if libsession.Stats(closed.vm).StoreFailed.Load() == 0 {
		t.Error("nobody counts that the store does not answer")
	}
	server.Continue()
	engine.AwaitFirst(t.Context())
	for deadline := time.Now().Add(20 * time.Second); ann.do("GET /value/user", "") != "200 ann"; {
		if time.Now().After(deadline) {
			t.Fatal("the session does not come back")
		}
	}
	also.expect("GET /value/user", "200 ann")
}

// What a session costs a request in VM time, beside one without: one that is read, one that is
// written, and one in its cookie.
func BenchmarkSessionVM(b *testing.B) {
	for _, c := range []struct{ name, options, path string }{
		{"none", "", "/plain"},
		{"new", "", "/value/user"},
		{"read", "", "/value/user"},
		{"write", "", "/set/user/ann"},
		{"sealed read", `sealed = ("k"):rep(32)`, "/value/user"},
		{"sealed write", `sealed = ("k"):rep(32)`, "/set/user/ann"},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := newServer(b, fmt.Sprintf(sessionScript, c.options))
			bob := s.browser()
			if c.name != "new" {
				bob.send("GET /set/user/ann", "")
			}
			r := newRequest(c.path)
			for name, value := range bob.cookies {
				r.Header.Add("Cookie", name+"="+value)
			}
			var inLua time.Duration
			b.ReportAllocs()
			for b.Loop() {
				x := s.gen.Begin(httptest.NewRecorder(), r, s, s.next)
				if _, err := x.Run(); err != nil {
					b.Fatal(err)
				}
				inLua += x.End().Lua
			}
			b.ReportMetric(float64(inLua.Nanoseconds())/float64(b.N), "vm-ns/op")
		})
	}
}

// Sealed sessions take the keys of a set: the active one seals, also one that comes later, and those
// before open.
func TestSessionKeySet(t *testing.T) {
	s := newServer(t, `
local api = rover.server {}
local keys = rover.auth.secrets { encryption = { active = "a", keys = { a = ("a"):rep(32) } } }
local sessions = rover.session.new { sealed = keys }
local new = rover.session.new { sealed = ("b"):rep(32) }
function api.set.get(ctx) sessions:start(ctx):set("user", "ann") return "set" end
function api.user.get(ctx) return tostring(sessions:start(ctx):get("user")) end
function api.new.get(ctx) return tostring(new:start(ctx):get("user")) end
function api.rotate.get() rover.auth.rotate(keys, "encryption", "b", ("b"):rep(32)) return "rotated" end
function api.wrong.get()
	local out = {}
	for _, f in ipairs {
		function() rover.session.new { sealed = rover.auth.secrets { signing = { active = "a", keys = { a = ("a"):rep(32) } } } } end,
		function() rover.session.new { sealed = sessions } end,
		function() rover.auth.rotate(keys, "encryption", "c", "short") end,
		function() rover.auth.secrets { encryption = { active = "a", keys = { a = "short" } } } end,
	} do
		out[#out + 1] = tostring(select(2, pcall(f))):gsub("^.-bad", "bad")
	end
	return table.concat(out, "\n")
end
return api`)
	b := s.browser()
	b.expect("GET /set", "200 set")
	b.expect("GET /new", "200 nil")
	b.expect("GET /rotate", "200 rotated")
	b.expect("GET /user", "200 ann") // sealed anew
	b.expect("GET /new", "200 ann")
	const wanted = "bad argument #1 to new (option 'sealed': a key, a list of keys, or a key set with keys for encryption expected)"
	const short = `at least 32 random bytes expected)`
	s.expect("GET /wrong", "200 "+wanted+"\n"+wanted+"\n"+`bad argument #4 to rotate (key "c": `+short+"\n"+
		`bad argument #1 to secrets (option 'encryption': key "a": `+short)
}

// Names that begin with a NUL are those of libraries: a script neither reads nor sets them, whatever a
// client says.
func TestSessionOwnNames(t *testing.T) {
	s := newServer(t, `
local api = rover.server {}
local sessions = rover.session.new()
function api.get(ctx)
	local s, out = sessions:start(ctx), {}
	for _, name in ipairs { "get", "set", "remove", "has" } do out[#out + 1] = tostring(pcall(s[name], s, "\0login", "x")) end
	return table.concat(out, " ")
end
return api`)
	s.expect("GET /", "200 false false false false")
}

// TestSessionTrustedOrigins shows that an origin which browsers never send is refused, in place of one
// that matches nothing.
func TestSessionTrustedOrigins(t *testing.T) {
	s := newServer(t, `local api = rover.server {} return api`)
	for origin, want := range map[string]string{
		"https://*.example.com":       "option 'trusted_origins': \"https://*.example.com\" is no origin: there are no patterns",
		"https://app.example.com/":    "is no origin: it has no path",
		"app.example.com":             "is no origin",
		"https://APP.example.com:443": "",
	} {
		err := s.load(`local api = rover.server {} rover.session.new { trusted_origins = "` + origin + `" } return api`)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", origin, err, want)
		}
	}
}
