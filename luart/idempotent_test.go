package luart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/proxy"
	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

const orders = `
	local api = rover.server {}
	local s = rover.state("s", { runs = 0 })
	local function run() s.runs = s.runs + 1 return s.runs end
	local gate = rover.channel("gate", 1)
	api.orders.post = api.idempotent(function(ctx)
		return { n = run(), got = ctx:body():text() }, 201, { Location = "/orders/1", ["Set-Cookie"] = "a=b" }
	end)
	api.paths.p_id.post = api.idempotent(function(ctx) return run() end)
	api.required.post = api.idempotent({ required = true, header = "X-Key", wait = 0 }, function(ctx) return run() end)
	api.slow.post = api.idempotent({ wait = 60 }, function(ctx)
		local n = run()
		rover.log.info("runs")
		gate:recv()
		if ctx:query().fails then error { status = 503, message = "later" } end
		return n
	end)
	api.hasty.post = api.idempotent({ wait = 0 }, function(ctx)
		rover.log.info("runs")
		gate:recv()
		return run()
	end)
	function api.open.post() gate:send(1) end
	api.status.p_code.post = api.idempotent(function(ctx) return run(), tonumber(ctx:param("code")) end)
	api.raises.post = api.idempotent(function(ctx) run() error("broken") end)
	api.burns.post = api.idempotent(function(ctx) run() while true do end end)
	api.users.post = api.idempotent({ key = function(ctx) return ctx:header("X-User") end }, function(ctx) return run() end)
	api.streams.post = api.idempotent(function(ctx) run() return api.stream(200, "text/plain", function() end) end)
	api.large.post = api.idempotent(function(ctx) run() return ("x"):rep(1100000) end)
	api.wrong.post = api.idempotent(function(ctx) run() return print end)
	api.nested.post = api.idempotent(api.idempotent(function(ctx) return run() end))
	api.passes.post = api.idempotent(function(ctx) run() return api.pass() end)
	api.nexts.post = api.idempotent(function(ctx)
		local res = ctx:next()
		res:set_header("X-Run", run())
		return res
	end)
	api.proxies.post = api.idempotent(function(ctx) run() return api.proxy("127.0.0.1:1") end)
	api.reads.post = api.idempotent(function(ctx)
		local res = ctx:proxy("127.0.0.1:1")
		if res.error then return api:error(503, "later") end
		return { paid = res:body():text() }
	end)
	api.throws.post = api.idempotent(function(ctx) ctx:proxy("127.0.0.1:1") error("broken") end)
	api.gives_up.post = api.idempotent(function(ctx) ctx:next() return nil, 503 end)
	api.nonsense.post = api.idempotent(function(ctx) ctx:proxy("127.0.0.1:1") return print end)
	api.at_once.post = api.idempotent(function(ctx)
		rover.parallel { function() ctx:proxy("127.0.0.1:1") end, function() gate:recv() error { status = 503, message = "later" } end }
	end)
	api.picks.post = api.idempotent(function(ctx) return ctx:proxy(nil, { pick = function() error("none") end }) end)
	api.asked_before.before.who = function(ctx) ctx:proxy("127.0.0.1:1") end
	api.asked_before.post = api.idempotent(function(ctx) error("broken") end)
	function api.runs.get() return s.runs end
	function api.after.mark(ctx, res) res:set_header("X-After", "yes") end
	api.hooked.before.x = api.idempotent(function() end)
	function api.hooked.get() return "never" end
	return api`

// engines calls f with a server for each engine.
func engines(t *testing.T, source string, f func(t *testing.T, s *server)) {
	t.Run("memory", func(t *testing.T) { f(t, newServer(t, source)) })
	t.Run("redis", func(t *testing.T) {
		redis, err := store.NewRedis(store.RedisOptions{URL: storetest.StartRedis(t).URL, Prefix: t.Name(), Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { redis.Close() })
		redis.AwaitFirst(t.Context())
		f(t, newServer(t, source, func(s *Script) { s.Store = redis }))
	})
}

// A request with a key happens once: those that are the same get its answer, and no others do.
func TestIdempotent(t *testing.T) {
	engines(t, orders, func(t *testing.T, s *server) {
		const key = "Idempotency-Key: "
		for _, c := range []struct {
			request, body string
			headers       []string
			want          string
		}{
			{"POST /orders", "a", []string{key + "1"}, `201 {"n":1,"got":"a"}`},
			{"POST /orders", "a", []string{key + "1"}, `201 {"n":1,"got":"a"} replayed`},
			{"POST /orders", "a", []string{key + " 1 "}, `201 {"n":1,"got":"a"} replayed`},
			{"POST /orders", "b", []string{key + "1"}, `409 {"error":"Idempotency key already used with different payload"}`},
			{"POST /orders?x", "a", []string{key + "1"}, `409 {"error":"Idempotency key already used with different payload"}`},
			{"POST /orders", "a", []string{key + "1", "Content-Type: text/x"}, `409 {"error":"Idempotency key already used with different payload"}`},
			// Another caller's key, and no key.
			{"POST /orders", "a", []string{key + "1", "Authorization: Bearer x"}, `201 {"n":2,"got":"a"}`},
			{"POST /orders", "a", []string{key + "1", "Authorization: Bearer y"}, `201 {"n":3,"got":"a"}`},
			{"POST /orders", "a", []string{key + "1", "Authorization: Bearer x"}, `201 {"n":2,"got":"a"} replayed`},
			{"POST /orders", "a", nil, `201 {"n":4,"got":"a"}`},
			{"POST /orders", "a", nil, `201 {"n":5,"got":"a"}`},
			// Keys that can be read in two ways, or by nobody.
			{"POST /orders", "a", []string{key + "1", key + "2"}, `400 {"error":"Idempotency-Key was sent more than once"}`},
			{"POST /orders", "a", []string{key + " "}, `400 {"error":"Idempotency-Key is empty"}`},
			{"POST /required", "a", []string{"X-Key: "}, `400 {"error":"X-Key is empty"}`},
			{"POST /orders", "a", []string{key + "1 2"}, `400 {"error":"Idempotency-Key has other bytes than visible ones of ASCII"}`},
			{"POST /orders", "a", []string{key + "1\xff"}, `400 {"error":"Idempotency-Key has other bytes than visible ones of ASCII"}`},
			{"POST /orders", "a", []string{key + "1\x00"}, `400 {"error":"Idempotency-Key has other bytes than visible ones of ASCII"}`},
			{"POST /orders", "a", []string{key + strings.Repeat("k", 256)}, `400 {"error":"Idempotency-Key is longer than 255 bytes"}`},
			{"POST /orders", "a", []string{key + strings.Repeat("k", 255)}, `201 {"n":6,"got":"a"}`},
			{"POST /orders", "a", []string{key + strings.Repeat("k", 255)}, `201 {"n":6,"got":"a"} replayed`},
			// Routes have keys of their own, and paths of one route have not.
			{"POST /paths/1", "", []string{key + "1"}, `200 7`},
			{"POST /paths/1", "", []string{key + "1"}, `200 7 replayed`},
			{"POST /paths/2", "", []string{key + "1"}, `409 {"error":"Idempotency key already used with different payload"}`},
			{"POST /required", "", nil, `400 {"error":"a request needs the header X-Key"}`},
			{"POST /required", "", []string{"X-Key: 1"}, `200 8`},
			{"POST /required", "", []string{"X-Key: 1"}, `200 8 replayed`},
			{"POST /users", "", []string{key + "1", "X-User: ann"}, `200 9`},
			{"POST /users", "", []string{key + "1", "X-User: bob"}, `200 10`},
			{"POST /users", "", []string{key + "1", "X-User: ann"}, `200 9 replayed`},
			{"POST /users", "", []string{key + "1"}, `500 {"error":"internal error"}`},
			// What is kept, and what may happen again.
			{"POST /status/404", "", []string{key + "1"}, `404 11`},
			{"POST /status/404", "", []string{key + "1"}, `404 11 replayed`},
			{"POST /status/500", "", []string{key + "2"}, `500 12`},
			{"POST /status/500", "", []string{key + "2"}, `500 13`},
			{"POST /status/429", "", []string{key + "3"}, `429 14`},
			{"POST /status/429", "", []string{key + "3"}, `429 15`},
			{"POST /raises", "", []string{key + "1"}, `500 {"error":"internal error"}`},
			{"POST /raises", "", []string{key + "1"}, `500 {"error":"internal error"}`},
			{"GET /runs", "", nil, `200 17`},
			{"POST /streams", "", []string{key + "1"}, `200 `},
			{"POST /streams", "", []string{key + "1"}, `409 {"error":"A request with this key was made, and its answer was not kept"}`},
			{"POST /large", "", []string{key + "1"}, `200 ` + strings.Repeat("x", 1100000)},
			{"POST /large", "", []string{key + "1"}, `409 {"error":"A request with this key was made, and its answer was not kept"}`},
			{"POST /wrong", "", []string{key + "1"}, `500 {"error":"internal error"}`},
			{"POST /wrong", "", []string{key + "1"}, `500 {"error":"internal error"}`},
			{"GET /runs", "", nil, `200 21`},
			{"POST /nested", "", []string{key + "1"}, `500 {"error":"internal error"}`},
			{"GET /hooked", "", []string{key + "1"}, `500 {"error":"internal error"}`},
			// Who answers is somebody else.
			{"POST /passes", "b", []string{key + "1"}, `200 POST /passes b`},
			{"POST /passes", "b", []string{key + "1"}, `200 POST /passes b replayed`},
			{"POST /nexts", "b", []string{key + "1"}, `200 POST /nexts b`},
			{"POST /nexts", "b", []string{key + "1"}, `200 POST /nexts b replayed`},
			{"GET /runs", "", nil, `200 23`},
		} {
			w := s.do(c.request, c.body, c.headers...)
			got := answer(w)
			if w.Header().Get("Idempotency-Replayed") != "" {
				got += " replayed"
			}
			if got != c.want {
				t.Errorf("%s %q: %.200s, want %.200s", c.request, c.headers, got, c.want)
			}
			if w.Header().Get("X-After") != "yes" {
				t.Errorf("%s: the after hook has not run", c.request)
			}
		}
		first, again := s.do("POST /orders", "h", key+"h"), s.do("POST /orders", "h", key+"h")
		if first.Header().Get("Location") != "/orders/1" || again.Header().Get("Location") != "/orders/1" {
			t.Error("the header is not replayed")
		}
		if first.Header().Get("Set-Cookie") == "" || again.Header().Get("Set-Cookie") != "" {
			t.Error("the cookie is for the first one alone")
		}
	})
}

// aside sends a request, and says what came of it.
func (s *server) aside(r *http.Request) <-chan string {
	answered := make(chan string, 1)
	go func() {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		answered <- answer(w) + " " + w.Header().Get("Idempotency-Replayed")
	}()
	return answered
}

func keyed(path, key string) *http.Request {
	r := httptest.NewRequest("POST", path, nil)
	r.Header.Set("Idempotency-Key", key)
	return r
}

// Those that come while the first one runs wait for its answer; where that may happen again one
// of them is the next.
func TestIdempotentAtOnce(t *testing.T) {
	engines(t, orders, func(t *testing.T, s *server) {
		var all []<-chan string
		for range 20 {
			all = append(all, s.aside(keyed("/slow", "1")))
		}
		s.awaitLine("runs")
		s.do("POST /open", "")
		replayed := 0
		for _, answered := range all {
			got := <-answered
			if got != "200 1 " && got != "200 1 true" {
				t.Error(got)
			}
			if strings.HasSuffix(got, "true") {
				replayed++
			}
		}
		if replayed != 19 {
			t.Errorf("%d were replayed", replayed)
		}

		first := s.aside(keyed("/slow?fails=1", "2"))
		s.awaitLine("runs")
		second := s.aside(keyed("/slow?fails=1", "2"))
		s.do("POST /open", "")
		if got := <-first; got != `503 {"error":"later"} ` {
			t.Error(got)
		}
		s.awaitLine("runs") // the second
		s.do("POST /open", "")
		if got := <-second; got != `503 {"error":"later"} ` {
			t.Error(got)
		}

		first = s.aside(keyed("/hasty", "1"))
		s.awaitLine("runs")
		if got := s.send(keyed("/hasty", "1")); got != `409 {"error":"A request with this key is in progress"}` {
			t.Error(got)
		}
		s.do("POST /open", "")
		<-first
	})
}

// A client that leaves gets the answer when it comes again; what was ended from outside is not
// done again.
func TestIdempotentEnds(t *testing.T) {
	engines(t, orders, func(t *testing.T, s *server) {
		ctx, leave := context.WithCancel(t.Context())
		first := s.aside(keyed("/slow", "1").WithContext(ctx))
		s.awaitLine("runs")
		leave()
		again := s.aside(keyed("/slow", "1"))
		s.do("POST /open", "")
		<-first
		if got := <-again; got != "200 1 true" {
			t.Error(got)
		}

		if err := s.load(orders, withBurst(50*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if got := s.send(keyed("/burns", "1")); got != `500 {"error":"internal error"}` {
			t.Error(got)
		}
		want := `409 {"error":"A request with this key was made, and did not end: whether it had an effect is not known"}`
		for range 2 {
			if got := s.send(keyed("/burns", "1")); got != want {
				t.Error(got)
			}
		}
	})
}

// The answer of an upstream is kept as long as that can be; what nobody has answered may be asked
// again only if no upstream can have had it.
func TestIdempotentUpstream(t *testing.T) {
	s := newServer(t, orders)
	asked := 0
	large := strings.Repeat("x", 3<<20)
	var failure error
	s.proxied = func(_ *proxy.To, w http.ResponseWriter, r *http.Request) error {
		asked++
		body, _ := io.ReadAll(r.Body)
		switch q := r.URL.Query(); {
		case q.Has("fails"):
			return failure
		case q.Has("large"):
			for part := large; part != ""; part = part[1<<10:] {
				_, _ = io.WriteString(w, part[:1<<10])
			}
		case q.Has("long"):
			w.Header().Set("Content-Length", fmt.Sprint(len(large)))
			_, _ = io.WriteString(w, large)
		case q.Has("events"):
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
		case q.Has("breaks"):
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		default:
			w.Header().Set("Content-Type", "text/x")
			w.WriteHeader(201)
			fmt.Fprintf(w, "%s %d", body, asked)
		}
		return nil
	}
	const notKept = `409 {"error":"A request with this key was made, and its answer was not kept"}`
	const unknown = `409 {"error":"A request with this key was made, and did not end: whether it had an effect is not known"}`
	for _, c := range []struct {
		path, failure string
		want          [2]string
		asked         int
	}{
		{"/proxies", "", [2]string{"201  1", "201  1"}, 1},
		{"/proxies?large=1", "", [2]string{"200 " + large, notKept}, 1},
		{"/proxies?long=1", "", [2]string{"200 " + large, notKept}, 1},
		{"/proxies?events=1", "", [2]string{"200 data: 1\n\n", notKept}, 1},
		{"/proxies?breaks=1", "", [2]string{"", unknown}, 1},
		{"/proxies?fails=1", "connection refused", [2]string{"502 connection refused\n", "502 connection refused\n"}, 2},
		{"/proxies?fails=1&x=1", "connection reset", [2]string{"502 connection reset\n", unknown}, 1},
	} {
		asked, failure = 0, errors.New(c.failure)
		for _, want := range c.want {
			var got string
			func() {
				defer func() { _ = recover() }() // as net/http does
				got = s.send(keyed(c.path, c.path))
			}()
			if got != want {
				t.Errorf("%s: %.200q, want %.200q", c.path, got, want)
			}
		}
		if asked != c.asked {
			t.Errorf("%s: the upstream was asked %d times", c.path, asked)
		}
	}
}

// Whatever a handler makes of it: once an upstream may have done what is asked for, nobody asks
// again.
func TestIdempotentUpstreamMayHaveActed(t *testing.T) {
	const broken = `500 {"error":"internal error"}`
	const later = `503 {"error":"later"}`
	const unknown = `409 {"error":"A request with this key was made, and did not end: whether it had an effect is not known"}`
	for _, c := range []struct {
		path  string
		want  [2]string
		asked int
	}{
		{"/reads", [2]string{`200 {"paid":"yes"}`, `200 {"paid":"yes"}`}, 1},
		{"/reads?breaks=1", [2]string{broken, unknown}, 1},
		{"/reads?fails=reset", [2]string{later, unknown}, 1},
		{"/reads?fails=connection+refused", [2]string{later, later}, 2},
		{"/reads?aborts=1", [2]string{later, unknown}, 1},
		{"/throws", [2]string{broken, unknown}, 1},
		{"/throws?status=303", [2]string{broken, unknown}, 1},
		{"/throws?status=402", [2]string{broken, broken}, 2},
		{"/throws?status=503", [2]string{broken, broken}, 2},
		{"/throws?fails=connection+refused", [2]string{broken, broken}, 2},
		{"/gives_up", [2]string{"503 ", unknown}, 1},
		{"/gives_up?status=500", [2]string{"503 ", "503 "}, 2},
		{"/nonsense", [2]string{broken, unknown}, 1},
		{"/at_once?hangs=1", [2]string{later, unknown}, 1},
		{"/picks", [2]string{broken, broken}, 0},
		{"/asked_before", [2]string{broken, broken}, 2},
	} {
		t.Run(strings.TrimPrefix(c.path, "/"), func(t *testing.T) {
			var asked atomic.Int32
			s := newServer(t, orders)
			upstream := func(w http.ResponseWriter, r *http.Request) error {
				asked.Add(1)
				q := r.URL.Query()
				switch {
				case q.Has("fails"):
					return errors.New(q.Get("fails"))
				case q.Has("hangs"):
					s.do("POST /open", "")
					<-r.Context().Done()
					return r.Context().Err()
				case q.Has("aborts"):
					panic(http.ErrAbortHandler)
				case q.Has("breaks"):
					_, _ = io.WriteString(w, "half")
					panic(http.ErrAbortHandler)
				case q.Has("status"):
					status, _ := strconv.Atoi(q.Get("status"))
					w.WriteHeader(status)
				}
				_, _ = io.WriteString(w, "yes")
				return nil
			}
			s.proxied = func(to *ProxyTo, w http.ResponseWriter, r *http.Request) error {
				if to.Pick != nil {
					_, err := to.Pick(r.Context(), 1, nil)
					return err
				}
				return upstream(w, r)
			}
			s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = upstream(w, r) })
			for _, want := range c.want {
				if got := s.send(keyed(c.path, "1")); got != want {
					t.Errorf("%.200q, want %.200q", got, want)
				}
			}
			if n := int(asked.Load()); n != c.asked {
				t.Errorf("somebody was asked %d times, not %d", n, c.asked)
			}
		})
	}
}

// on_failure pass passes on no request that an upstream may have had.
func TestIdempotentIsNotPassedOnTwice(t *testing.T) {
	s := newServer(t, orders, func(s *Script) { s.OnFailure = FailPass })
	s.proxied = func(_ *ProxyTo, w http.ResponseWriter, r *http.Request) error {
		if r.URL.Query().Has("refused") {
			return errors.New("connection refused")
		}
		_, _ = io.WriteString(w, "yes")
		return nil
	}
	for path, want := range map[string]string{
		"/throws":           `500 {"error":"internal error"}`,
		"/throws?refused=1": "200 POST /throws?refused=1 ",
	} {
		if got := s.send(keyed(path, path)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// An answer that is given again has the type that the first one had, also if net/http has guessed it.
func TestIdempotentContentType(t *testing.T) {
	s := newServer(t, orders)
	s.proxied = func(_ *ProxyTo, w http.ResponseWriter, r *http.Request) error {
		switch q := r.URL.Query(); {
		case q.Has("none"):
			w.Header()["Content-Type"] = nil
		case q.Has("type"):
			w.Header().Set("Content-Type", q.Get("type"))
		}
		_, _ = io.WriteString(w, "<html>")
		return nil
	}
	front := httptest.NewServer(s)
	defer front.Close()
	for path, want := range map[string]string{
		"/proxies": "[text/html; charset=utf-8]", "/proxies?none=1": "[]", "/proxies?type=text/x": "[text/x]",
	} {
		for _, replayed := range []string{"", "true"} {
			r, _ := http.NewRequest(http.MethodPost, front.URL+path, nil)
			r.Header.Set("Idempotency-Key", path)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if got := fmt.Sprint(res.Header["Content-Type"]); got != want || res.Header.Get("Idempotency-Replayed") != replayed {
				t.Errorf("%s: %s, want %s; replayed %q", path, got, want, res.Header.Get("Idempotency-Replayed"))
			}
		}
	}
}

// While the store is away nothing is run that might have been, unless the script says so.
func TestIdempotentWithoutStore(t *testing.T) {
	away, err := store.NewRedis(store.RedisOptions{URL: "unix:///nonexistent/redis.sock", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	away.AwaitFirst(t.Context())
	s := newServer(t, `
		local api = rover.server {}
		api.closed.post = api.idempotent(function() return "ran" end)
		api.open.post = api.idempotent({ on_failure = "open" }, function() return "ran" end)
		return api`, func(s *Script) { s.Store = away })
	if got := s.send(keyed("/closed", "1")); got != `503 {"error":"whether the request was made already cannot be known now"}` {
		t.Error(got)
	}
	if got := s.send(keyed("/open", "1")); got != "200 ran" {
		t.Error(got)
	}
	if got := s.send(httptest.NewRequest("POST", "/closed", nil)); got != "200 ran" {
		t.Error("without a key:", got)
	}
}

// A flood of keys is refused when there is no place, and takes none from what is kept.
func TestIdempotentFlood(t *testing.T) {
	s := newServer(t, orders)
	s.vm.answers.SetLimits(store.Limits{Items: 10})
	var got []string
	for i := range 12 {
		got = append(got, fmt.Sprint(s.do("POST /paths/1", "", fmt.Sprint("Idempotency-Key: ", i)).Code))
	}
	if want := strings.Repeat("200 ", 10) + "503 503"; strings.Join(got, " ") != want {
		t.Errorf("got %s", got)
	}
	if got := s.send(keyed("/paths/1", "0")); got != "200 1" {
		t.Error("the first one's answer has gone:", got)
	}
}

// All of many at once, with keys that some share: each key runs once.
func TestIdempotentStorm(t *testing.T) {
	engines(t, orders, func(t *testing.T, s *server) {
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				if got := s.do("POST /paths/1", "", fmt.Sprint("Idempotency-Key: ", i%6)); got.Code != 200 {
					t.Error(answer(got))
				}
			})
		}
		wg.Wait()
		if got := answer(s.do("GET /runs", "")); got != "200 6" {
			t.Error(got)
		}
	})
}

func TestIdempotentMistakes(t *testing.T) {
	s := newServer(t, "return rover.server {}")
	for call, want := range map[string]string{
		`()`:                                "api.idempotent() expects (handler) or (config, handler)",
		`({})`:                              "api.idempotent() expects (handler) or (config, handler)",
		`(print, print)`:                    "api.idempotent() expects (handler) or (config, handler)",
		`({}, print, print)`:                "api.idempotent() expects (handler) or (config, handler)",
		`({ ttl = 0 }, print)`:              "option 'ttl': seconds, 1 to a week, expected, got 0",
		`({ ttl_ms = 5 }, print)`:           "option 'ttl_ms': milliseconds, 1000 to a week, expected, got 5",
		`({ wait = 61 }, print)`:            "option 'wait': seconds, 0 to 60, expected, got 61",
		`({ wait = 0/0 }, print)`:           "option 'wait': seconds, 0 to 60, expected, got ",
		`({ header = "" }, print)`:          "option 'header': the name of a header expected",
		`({ required = 1 }, print)`:         "option 'required': a boolean expected, got 1",
		`({ key = "x" }, print)`:            "option 'key': a function expected, got x",
		`({ on_failure = "local" }, print)`: `option 'on_failure': "closed" or "open" expected, got local`,
		`({ tll = 5 }, print)`:              `unknown option "tll": did you mean ttl?`,
	} {
		err := s.load("local api = rover.server {} api.x.post = api.idempotent" + call + " return api")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", call, err, want)
		}
	}
}

// What became of requests is counted.
func TestIdempotentCounts(t *testing.T) {
	s := newServer(t, orders)
	send := func(path, body string, headers ...string) { s.do("POST "+path, body, headers...) }
	const key = "Idempotency-Key: "
	for range 3 {
		send("/orders", "a", key+"1") // the first, and two that get its answer
	}
	send("/orders", "b", key+"1")
	send("/orders", "a")
	send("/orders", "a", key+"\x80")
	send("/required", "")
	for range 2 {
		send("/streams", "", key+"2") // the first, and one for which there is no answer
	}
	want := map[string]uint64{
		"first": 2, "replayed": 2, "conflict": 1, "unprotected": 1, "invalid": 2, "no_answer": 1, "in_progress": 0, "store_failed": 0,
	}
	if got := s.vm.Idempotent(); !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
