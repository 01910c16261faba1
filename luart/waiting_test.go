package luart

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/outbound"
)

// waitingContexts are from where the places of testdata/waiting/places.lua are called.
var waitingContexts = []struct {
	name       string
	body       bool // ctx:body() can wait there
	background bool // it logs its result
	loads      bool // it is a script's top level
}{
	{name: "route", body: true},
	{name: "before_hook", body: true},
	{name: "after_answer", body: true},
	{name: "after_passed"}, // the body has gone on
	{name: "filter"},
	{name: "producer"},
	{name: "on_error_hook", body: true},
	{name: "spawn", background: true},
	{name: "timer_after", background: true},
	{name: "timer_every", background: true},
	{name: "refresh", background: true},
	{name: "top_level", loads: true},
	{name: "module", loads: true},
}

// Every call that waits, in every place from which Lua code is called, in every context
// in which a script runs, gives the right value, and lets another request run meanwhile:
// it is that one which brings what is waited for.
func TestWaitingAnywhere(t *testing.T) {
	w := &waiting{arrived: map[string]chan string{}}
	upstream := httptest.NewServer(w)
	t.Cleanup(upstream.Close)
	w.up = upstream.URL + "/"
	w.server = newServer(t, w.source(t, "app"), w.script("app", nil))

	var names struct{ Calls, Places []string }
	if err := json.Unmarshal(w.do("GET /names", "").Body.Bytes(), &names); err != nil {
		t.Fatal(err)
	}
	if len(names.Calls) < 13 || len(names.Places) < 33 {
		t.Fatalf("only %d calls and %d places", len(names.Calls), len(names.Places))
	}
	slices.Sort(names.Calls)
	slices.Sort(names.Places)
	top := w.source(t, "top")
	for _, c := range waitingContexts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, call := range names.Calls {
				if call == "body" && !c.body {
					continue
				}
				t.Run(call, func(t *testing.T) {
					t.Parallel()
					for _, place := range names.Places {
						cell := &waitingCell{waiting: w, t: t, call: call, place: place}
						cell.id = strings.Join([]string{c.name, call, place}, "-")
						switch {
						case c.loads:
							cell.run(func(io.Reader) string { return w.loadTop(top, c.name, cell) })
						case c.background:
							cell.run(func(body io.Reader) string {
								if got := w.post("/"+c.name+"/"+place+"/"+call+"/"+cell.id, body); got != "200 started" {
									return got
								}
								return "200 " + <-w.event("done "+cell.id)
							})
						default:
							cell.run(func(body io.Reader) string {
								return w.post("/"+c.name+"/"+place+"/"+call+"/"+cell.id, body)
							})
						}
					}
				})
			}
		})
	}
}

// waiting is the server with the script of testdata/waiting, and what its handlers wait
// for outside of it.
type waiting struct {
	*server
	up string

	mu      sync.Mutex
	arrived map[string]chan string // by "began ID" and the like: what follows it in the log
}

func (*waiting) source(t *testing.T, name string) string {
	t.Helper()
	source, err := os.ReadFile("testdata/waiting/" + name + ".lua")
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

func (w *waiting) script(name string, config map[string]string) func(*Script) {
	return func(s *Script) {
		s.Path = "testdata/waiting/" + name + ".lua"
		s.Net = outbound.NewPolicy()
		s.Debug = true
		s.Timeout = time.Minute
		s.Burst = time.Minute // this machine may stand still
		s.Config = map[string]string{"up": w.up}
		for k, v := range config {
			s.Config[k] = v
		}
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{}), zapcore.AddSync(io.Discard), zap.InfoLevel)
		s.Logger = zap.New(zapcore.RegisterHooks(core, func(e zapcore.Entry) error {
			if event, rest, _ := strings.Cut(e.Message, " "); event == "held" || event == "began" || event == "done" {
				id, rest, _ := strings.Cut(rest, " ")
				w.event(event + " " + id) <- rest
			}
			return nil
		}))
	}
}

// event returns the channel of what is logged about an event.
func (w *waiting) event(name string) chan string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := w.arrived[name]
	if ch == nil {
		ch = make(chan string, 10)
		w.arrived[name] = ch
	}
	return ch
}

// ServeHTTP is the upstream: it answers with the id that the path ends with when the test
// has said so.
func (w *waiting) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/")
	if !strings.Contains(id, "-http-") { // of a stream the head comes first
		_ = http.NewResponseController(rw).Flush()
	}
	select {
	case <-w.event("upstream " + id):
		_, _ = io.WriteString(rw, id)
	case <-r.Context().Done():
	}
}

func (w *waiting) post(target string, body io.Reader) string {
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, httptest.NewRequest("POST", target, body))
	return answer(rec)
}

// loadTop loads the script that waits while it loads.
func (w *waiting) loadTop(source, context string, c *waitingCell) string {
	script := Script{Libraries: all.Libraries(), Source: []byte(source)}
	w.script("top", map[string]string{"context": context, "place": c.place, "call": c.call, "id": c.id})(&script)
	g, err := w.vm.Load(c.t.Context(), script)
	if err != nil {
		return fmt.Sprintf("not loaded: %v", err)
	}
	g.Retire()
	return "200 " + c.id
}

// waitingCell is one call in one place in one context.
type waitingCell struct {
	*waiting
	t               *testing.T
	call, place, id string
}

// run checks what do returns, which waits for what a second request does.
func (c *waitingCell) run(do func(body io.Reader) string) {
	c.t.Helper()
	var body io.Reader
	var upload *io.PipeWriter
	if c.call == "body" {
		body, upload = io.Pipe()
		defer upload.Close()
	}
	var held <-chan string
	holds := c.call == "fetch" || c.call == "lock" || c.call == "semaphore"
	if holds {
		held = begin(func() string { return c.post("/hold/"+c.call+"/"+c.id, nil) })
		c.expect("the log", c.event("held "+c.id), "")
	}
	got := begin(func() string { return do(body) })
	select {
	case <-c.event("began " + c.id):
	case early := <-got:
		c.t.Errorf("%s: got %s before it waited", c.place, early)
		return
	case <-time.After(30 * time.Second):
		c.t.Fatalf("%s: it did not begin", c.place)
	}
	c.expect("the other request", begin(func() string { return c.post("/release/"+c.call+"/"+c.id, nil) }), "200 released")
	switch c.call {
	case "http", "chunks", "lines", "read":
		c.event("upstream " + c.id) <- ""
	case "body":
		_, _ = io.WriteString(upload, c.id)
		_ = upload.Close()
	}
	c.expect("it", got, "200 "+c.id)
	if holds {
		c.expect("who had it before", held, "200 held")
	}
}

// begin calls f on a goroutine of its own.
func begin(f func() string) <-chan string {
	result := make(chan string, 1)
	go func() { result <- f() }()
	return result
}

func (c *waitingCell) expect(who string, result <-chan string, want string) {
	c.t.Helper()
	select {
	case got := <-result:
		if got != want {
			c.t.Errorf("%s: %s got %q, want %q", c.place, who, got, want)
		}
	case <-time.After(30 * time.Second):
		c.t.Fatalf("%s: %s never got %q", c.place, who, want)
	}
}
