package luart

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/budget"
	"github.com/caddy-rover/rover/luart/response"
)

// streamScript streams what /send/:name sends, and says when a producer is told to end.
const streamScript = `
	local api = rover.server {}
	local calls, kept = 0, nil
	local function lock() return rover.lock("stream") end
	function api.feed.p_name.get(ctx)
		local ch = rover.channel(ctx:param("name"), 10)
		lock():acquire()
		kept = ctx
		return api.stream(200, "text/plain", function()
			local ok, v = pcall(ch.recv, ch)
			if not ok then
				rover.log.info("told: " .. v:gsub("^app.lua:%d+: ", ""))
				error(v, 0)
			end
			if v == "fail" then error("failed") end
			if v == "burn" then while true do rover.vm.spend() end end
			if v == "end" then return nil end
			return v
		end)
	end
	function api.events.p_name.get(ctx)
		local ch = rover.channel(ctx:param("name"), 10)
		return api.sse(function()
			local v = ch:recv()
			if v == "fail" then error("failed") end
			if v == "end" then return nil end
			return v
		end)
	end
	function api.send.p_name.p_value.get(ctx)
		rover.channel(ctx:param("name"), 10):send(ctx:param("value"))
	end
	function api.endless.get()
		lock():acquire()
		local big = ("x"):rep(65536)
		return api.stream(200, "text/plain", function() calls = calls + 1 return big end)
	end
	function api.calls.get() return calls end
	function api.free.get() lock():acquire() return "free" end
	function api.kept.get() return (select(2, pcall(function() return kept.path end))) end
	return api`

func newStreamServer(t *testing.T, change ...func(*Script)) (*server, *httptest.Server) {
	s := newServer(t, streamScript, change...)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h
}

// get begins a request whose body is read by the test.
func get(t testing.TB, url string) (*http.Response, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close(); http.DefaultClient.CloseIdleConnections() })
	return resp, cancel
}

// read reads exactly want.
func read(t testing.TB, r io.Reader, want string) {
	t.Helper()
	p := make([]byte, len(want))
	if _, err := io.ReadFull(r, p); err != nil || string(p) != want {
		t.Fatalf("got %q (%v), want %q", p, err, want)
	}
}

// Each piece arrives while the stream is open, other requests run meanwhile, and ctx and
// what the handler took are the producer's until the end.
func TestStreamArrivesPieceByPiece(t *testing.T) {
	s, h := newStreamServer(t)
	s.do("GET /send/a/one", "")
	resp, _ := get(t, h.URL+"/feed/a")
	if resp.StatusCode != 200 || resp.ContentLength != -1 {
		t.Errorf("status %d, length %d", resp.StatusCode, resp.ContentLength)
	}
	read(t, resp.Body, "one")
	s.expect("GET /kept", "200 /feed/a")
	for _, v := range []string{"two", "three"} {
		s.do("GET /send/a/"+v, "")
		read(t, resp.Body, v)
	}
	s.do("GET /send/a/end", "")
	if rest, err := io.ReadAll(resp.Body); len(rest) != 0 || err != nil {
		t.Errorf("then %q, %v", rest, err)
	}
	s.expect("GET /free", "200 free")
	s.expect("GET /kept", "200 app.lua:40: the request is over: ctx is valid until its handler returns")
}

func TestClientLeavesWhileTheProducerWaits(t *testing.T) {
	s, h := newStreamServer(t)
	s.do("GET /send/a/one", "")
	resp, leave := get(t, h.URL+"/feed/a")
	read(t, resp.Body, "one")
	leave()
	s.awaitLine("told: the client closed the request")
	s.expect("GET /free", "200 free")
	if n := len(s.logs.FilterLevelExact(2).All()); n != 0 { // errors
		t.Errorf("the log has errors: %v", s.logs.All())
	}
}

func TestClientLeavesWhileAPieceIsWritten(t *testing.T) {
	s, h := newStreamServer(t)
	resp, leave := get(t, h.URL+"/endless")
	read(t, resp.Body, strings.Repeat("x", 1<<20))
	leave()
	s.expect("GET /free", "200 free")
}

// A client that takes nothing holds the producer back, and nobody else.
func TestStreamHasBackpressure(t *testing.T) {
	s, _ := newStreamServer(t)
	w := &slowWriter{ResponseRecorder: httptest.NewRecorder(), writes: make(chan struct{}), take: make(chan error)}
	ended := make(chan any)
	go func() {
		defer func() { ended <- recover() }()
		s.ServeHTTP(w, httptest.NewRequest("GET", "/endless", nil))
	}()
	for i := range 5 {
		<-w.writes
		s.expect("GET /calls", fmt.Sprintf("200 %d", i+1))
		if i == 4 {
			w.take <- errors.New("gone")
		} else {
			w.take <- nil
		}
	}
	if v := <-ended; v != http.ErrAbortHandler {
		t.Errorf("ended with %v", v)
	}
	s.expect("GET /free", "200 free")
	s.expect("GET /calls", "200 6") // the last call is for cleaning up
}

// slowWriter takes a write when the test says so.
type slowWriter struct {
	*httptest.ResponseRecorder
	writes chan struct{}
	take   chan error
}

func (w *slowWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

func (w *slowWriter) Write(p []byte) (int, error) {
	w.writes <- struct{}{}
	return len(p), <-w.take
}

// After the head an error cuts the connection: the body must not look whole.
func TestProducerFailsAfterTheHead(t *testing.T) {
	for _, test := range []struct{ path, value, logged string }{
		{"/feed/a", "fail", "failed"},
		{"/feed/a", "burn", budget.ErrBurst.Error()},
		{"/feed/a", "", errTimeout.Error()},
		{"/events/a", "fail", "failed"},
		{"/events/a", "", errTimeout.Error()},
	} {
		s, h := newStreamServer(t, withSpend, func(s *Script) {
			if test.value == "" {
				s.Timeout = time.Second // only this waits for it; what comes before has its own
			}
		})
		s.do("GET /send/a/one", "")
		resp, _ := get(t, h.URL+test.path)
		if test.value != "" {
			s.do("GET /send/a/"+test.value, "")
		}
		body, err := io.ReadAll(resp.Body)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(string(body), "one") {
			t.Errorf("%s %s: %q, %v", test.path, test.value, body, err)
		}
		s.awaitLine("script error")
		entry := s.logged("script error")[0].ContextMap()
		if msg := entry["error"].(string); !strings.Contains(msg, test.logged) || entry["handler"] == "" {
			t.Errorf("%s %s: logged %v", test.path, test.value, entry)
		}
		s.expect("GET /free", "200 free")
	}
}

// The timeout is that of each call of the producer, not of the stream.
func TestEachCallOfAProducerHasItsOwnTimeout(t *testing.T) {
	s, clock := frozen(t, `
		local api = rover.server {}
		function api.get()
			local n = 0
			return api.stream(200, "text/plain", function()
				n = n + 1
				rover.sleep(29)
				return n <= 20 and "x" or nil
			end)
		end
		return api`)
	began := clock.Now() // the timeout is 30 s
	if got := answer(s.do("GET /", "")); got != "200 "+strings.Repeat("x", 20) || clock.Since(began) != 21*29*time.Second {
		t.Errorf("%s after %s", got, clock.Since(began))
	}
}

// While the producer of an event stream waits the head goes out and then comments, and
// what it waited for still comes.
func TestHeartbeats(t *testing.T) {
	s, h := newStreamServer(t)
	s.vm.heartbeat, s.vm.headPatience = time.Millisecond, time.Millisecond
	resp, leave := get(t, h.URL+"/events/a")
	r := bufio.NewReader(resp.Body)
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("content type %q", ct)
	}
	for round := range 3 {
		read(t, r, response.Heartbeat+response.Heartbeat)
		s.do(fmt.Sprintf("GET /send/a/%d", round), "")
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if blank, err := r.ReadString('\n'); blank != "\n" || err != nil {
				t.Fatalf("%q after %q: %v", blank, line, err)
			}
			if line == fmt.Sprintf("data: %d\n", round) {
				break
			}
			if line != ":\n" {
				t.Fatalf("line %q", line)
			}
		}
	}
	leave()
}

// A stream whose head has not left answers an error of its producer as any other: the
// after hooks see it, and the client gets its status.
func TestProducerFailsBeforeTheHead(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local seen = {}
		local function fails() error("secret") end
		local function slow() rover.sleep(0.01) error("late") end
		function api.stream_.get() return api.stream(200, "text/plain", fails) end
		function api.sse_.get() return api.sse(slow) end
		function api.hooked.get() return "x" end
		function api.hooked.after.x() return api.stream(200, "text/plain", fails) end
		function api.on.get() error("first") end
		function api.seen.get() local s = table.concat(seen, " ") seen = {} return s end
		function api.after.note(ctx, res)
			if ctx.path ~= "/seen" then seen[#seen + 1] = res.status end
			res:set_header("X-After", "yes")
		end
		api.on_error = function(err)
			if err.message:find("first") then return api.stream(200, "text/plain", fails) end
		end
		return api`)
	for _, test := range []struct{ path, seen string }{
		{"/stream_", "200 500"},
		{"/sse_", "200 500"},
		{"/hooked", "200"},
		{"/on", "500"},
	} {
		w := s.do("GET "+test.path, "")
		if got := answer(w); got != `500 {"error":"internal error"}` {
			t.Errorf("%s: %s", test.path, got)
		}
		if test.path != "/hooked" && w.Header().Get("X-After") != "yes" {
			t.Errorf("%s: no after hook ran for the error", test.path)
		}
		if got := answer(s.do("GET /seen", "")); got != "200 "+test.seen {
			t.Errorf("%s: after hooks saw %s, want %s", test.path, got, test.seen)
		}
	}
	if len(s.logged("on_error cannot answer with a stream")) != 1 {
		t.Error("a stream of on_error was not logged")
	}
}

// A failed producer counts as its handler does: with on_failure pass the request goes on.
func TestFailedProducerPasses(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get(ctx)
			ctx:set_header("X-Changed", "yes")
			return api.stream(200, "text/plain", function() error("no") end)
		end
		return api`, func(s *Script) { s.OnFailure = FailPass })
	s.expect("GET /", "200 GET / ")
}

// Of many streams half are left by their clients, half come to their end. All that their
// handlers took is free afterwards.
func TestManyStreamsOfWhichHalfLeave(t *testing.T) {
	const n = 200
	s := newServer(t, `
		local api = rover.server {}
		local open = 0
		function api.p_kind.p_id.get(ctx)
			local id, i = ctx:param("id"), 0
			rover.lock(id):acquire()
			open = open + 1
			local function producer()
				i = i + 1
				if i > 1 then
					local ok, err = pcall(rover.sleep, i % 3 / 1000)
					if not ok then open = open - 1 error(err, 0) end
				end
				if ctx:param("kind") == "short" and i > 20 then open = open - 1 return nil end
				return "line " .. i
			end
			if tonumber(id) % 3 == 0 then return api.stream(200, "text/plain", producer) end
			return api.sse(producer)
		end
		function api.open.get() return open end
		function api.free.get() for i = 0, 199 do rover.lock(tostring(i)):acquire() end return "free" end
		return api`)
	h := httptest.NewServer(s)
	defer h.Close()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			kind := []string{"short", "long"}[i%2]
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			req, _ := http.NewRequestWithContext(ctx, "GET", fmt.Sprintf("%s/%s/%d", h.URL, kind, i), nil)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if kind == "long" {
				_, _ = io.ReadFull(resp.Body, make([]byte, 50+i))
				leave()
				return
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || strings.Count(string(body), "line ") != 20 {
				t.Errorf("%d: %q, %v", i, body, err)
			}
		})
	}
	wg.Wait()
	http.DefaultClient.CloseIdleConnections()
	s.expect("GET /free", "200 free")
	for deadline := time.Now().Add(time.Minute); s.vm.Stats().InFlight != 0 && time.Now().Before(deadline); {
		s.do("GET /open", "")
	}
	if st := s.vm.Stats(); st.InFlight != 0 || st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
}

// Streams may go on for the grace of Close; then they are cut, wherever they are.
func TestCloseEndsStreams(t *testing.T) {
	s, h := newStreamServer(t)
	s.do("GET /send/a/one", "")
	s.do("GET /send/b/one", "")
	waiting, _ := get(t, h.URL+"/feed/a")
	events, _ := get(t, h.URL+"/events/b")
	read(t, waiting.Body, "one")
	read(t, events.Body, "data: one\n\n")
	grace, end := context.WithCancel(context.Background())
	closed := make(chan struct{})
	go func() { s.vm.Close(grace); close(closed) }()
	for { // until it closes
		s.do("GET /send/c/end", "")
		if answer(s.do("GET /events/c", "")) == `503 {"error":"unavailable"}` {
			break
		}
	}
	s.do("GET /send/a/more", "")
	read(t, waiting.Body, "more")
	end()
	for _, r := range []*http.Response{waiting, events} {
		if _, err := io.ReadAll(r.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the stream ended with %v", err)
		}
	}
	<-closed
}
