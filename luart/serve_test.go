package luart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-rover/rover/luart/health"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/openapi"
	"github.com/caddy-rover/rover/luart/proxy"
)

func TestMain(m *testing.M) {
	// The client of Redis looks for a cluster once, and may sleep for a second behind that.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// server serves a generation under plain net/http, as a host with nothing around it.
type server struct {
	t    testing.TB
	vm   *VM
	gen  *Generation
	next http.Handler // what requests are passed on to

	proxied func(to *proxy.To, w http.ResponseWriter, r *http.Request) error // what ctx:proxy does
	logs    *observer.ObservedLogs

	lines chan string // messages logged since the load, as they come

	upstream string // was asked last
	tries    int
	trusted  bool // the peer

	mu     sync.Mutex
	vars   map[string]any
	fields map[string]any
}

func newVM(t testing.TB, o VMOptions) *VM {
	t.Helper()
	vm, err := NewVM(o)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

func newServer(t testing.TB, source string, change ...func(*Script)) *server {
	t.Helper()
	s := &server{t: t, vm: newVM(t, VMOptions{}), vars: map[string]any{}, fields: map[string]any{}}
	t.Cleanup(func() { s.vm.Close(context.Background()) })
	s.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Next", "yes")
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.RequestURI(), body)
	})
	if err := s.load(source, change...); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) load(source string, change ...func(*Script)) error {
	core, logs := observer.New(zap.DebugLevel)
	lines := make(chan string, 10_000)
	core = zapcore.RegisterHooks(core, func(e zapcore.Entry) error { lines <- e.Message; return nil })
	script := Script{
		Libraries: all.Libraries(),
		Path:      filepath.Join(s.t.TempDir(), "app.lua"), Source: []byte(source),
		Timeout: 30 * time.Second, Burst: time.Second, MaxBody: 1 << 20,
		Logger: zap.New(core),
	}
	for _, f := range change {
		f(&script)
	}
	g, err := s.vm.Load(context.Background(), script)
	if err == nil {
		s.gen, s.logs, s.lines = g, logs, lines
		g.Start(context.Background())
	}
	return err
}

func (s *server) ClientIP(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

func (s *server) IsTrusted(*http.Request) bool { return s.trusted }

func (s *server) Var(_ *http.Request, name string) (any, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.vars[name]
	return v, ok
}

func (s *server) SetVar(_ *http.Request, name string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vars[name] = v
}

func (s *server) LogField(_ *http.Request, name string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fields[name] = v
}

func (s *server) CloneRequest(_ http.ResponseWriter, r *http.Request) *http.Request { return r }

func (s *server) AdoptClone(_, _ *http.Request) {}

func (s *server) Serve(next any, to *proxy.To, w http.ResponseWriter, r *http.Request) error {
	if to == nil {
		next.(http.Handler).ServeHTTP(w, r)
		return nil
	}
	return s.proxied(to, w, r)
}

func (s *server) Upstream(*http.Request) (string, int) { return s.upstream, s.tries }

func (s *server) ErrorStatus(error) int { return http.StatusBadGateway }

func (s *server) Unsent(err error) bool { return strings.Contains(err.Error(), "refused") }

func (s *server) ErrorText(err error) string { return err.Error() }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if probe := s.gen.Probe(r.URL); probe != health.None {
		s.gen.Probes().Serve(w, r, probe, s.gen.Readiness)
		return
	}
	if page := s.gen.Page(r.URL); page != openapi.NoPage {
		s.gen.ServePage(w, r, page)
		return
	}
	x := s.gen.Begin(w, r, s, s.next)
	if x == nil {
		s.next.ServeHTTP(w, r)
		return
	}
	defer x.End()
	s.serve(x, x.Writer(), r)
	x.Returned(nil)
}

func (s *server) serve(x *Exchange, w http.ResponseWriter, r *http.Request) {
	places, err := x.Admit(w.Header(), nil, nil)
	if err != nil {
		refuse(w, err)
		return
	}
	defer places.Leave(nil)
	decision, err := x.Run()
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case decision == Answer:
		s.write(x, w)
	case decision == Proxy && x.Picks() && !x.WantsAfter():
		if s.proxied(x.ProxyTo(), w, x.WithHeld(r)) != nil && x.PickFailed() {
			_ = x.Write(w)
		}
	case decision == Proxy && !x.Picks():
		fmt.Fprintf(w, "proxy to %v", x.ProxyTo().Upstreams)
	case x.WantsAfter():
		if err := x.PassOn(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		s.write(x, w)
	default:
		s.next.ServeHTTP(w, x.WithHeld(r))
	}
}

// refuse answers as the handler does.
func refuse(w http.ResponseWriter, err error) {
	var refusal Refusal
	if !errors.As(err, &refusal) {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	status, header, body := refusal.Answer()
	maps.Copy(w.Header(), header.Clone())
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (s *server) write(x *Exchange, w http.ResponseWriter) {
	err := x.Write(w)
	var other *StatusError
	switch {
	case errors.Is(err, ErrReplaced):
		s.write(x, w)
	case errors.As(err, &other):
		http.Error(w, err.Error(), other.Status)
	case err != nil:
		http.Error(w, err.Error(), s.ErrorStatus(err))
	}
}

// do sends a request: "GET /path", with body and headers "Name: value".
func (s *server) do(request string, body string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	method, target, _ := strings.Cut(request, " ")
	var rd io.Reader
	if body != "" {
		rd = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, rd)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func answer(w *httptest.ResponseRecorder) string {
	return fmt.Sprintf("%d %s", w.Code, w.Body.String())
}

func (s *server) expect(request, want string, headers ...string) {
	s.t.Helper()
	for range 2 { // state left in the VM shows
		if got := answer(s.do(request, "", headers...)); got != want {
			s.t.Errorf("%s: got %q, want %q", request, got, want)
		}
	}
}

// Every file in testdata/app is a script whose first comment lines are requests and
// answers: "-- GET /path => 200 text".
func TestScripts(t *testing.T) {
	files, _ := filepath.Glob("testdata/app/*.lua")
	if len(files) == 0 {
		t.Fatal("no scripts in testdata/app")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".lua"), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			respond := strings.Contains(string(source), "-- unmatched respond")
			s := newServer(t, string(source), withBurst(time.Minute), func(s *Script) { s.Respond, s.Timeout = respond, 0 })
			n := s.replay(string(source), 2) // state left in the VM shows the second time
			if n == 0 {
				t.Error("the script has no requests")
			}
		})
	}
}

// replay sends the requests in the comments of a script, each a number of times, and returns how
// many there are: "-- POST /path body | Name: value => 200 text | Name: value", with \r and
// \n for ends of lines of a body. The headers of the answer are those that it must have, among others.
// "Cookie: $cookie" sends the one that the last answer with a Set-Cookie has set. An answer that ends
// with … is a stream: it stays open while the lines below are sent, and is left when that much has come.
func (s *server) replay(source string, times int) (n int) {
	s.t.Helper()
	cookie := ""
	for line := range strings.Lines(source) {
		request, want, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "-- "), "\n"), " => ")
		if !ok || !strings.HasPrefix(line, "-- ") {
			continue
		}
		n++
		parts := strings.Split(strings.ReplaceAll(request, "$cookie", cookie), " | ")
		method, target, _ := strings.Cut(parts[0], " ")
		target, body, _ := strings.Cut(target, " ")
		if want, ok := strings.CutSuffix(want, "…"); ok {
			defer s.listen(target, strings.ReplaceAll(want, `\n`, "\n"))()
			continue
		}
		want, headers := wantedHeaders(want)
		for range times {
			w := s.do(method+" "+target, strings.NewReplacer(`\r`, "\r", `\n`, "\n").Replace(body), parts[1:]...)
			if got := strings.ReplaceAll(answer(w), "\n", `\n`); got != want {
				s.t.Errorf("%s: got %q, want %q", request, got, want)
			}
			for _, header := range headers {
				name, value, _ := strings.Cut(header, ": ")
				if got := strings.Join(w.Header().Values(name), ", "); got != value {
					s.t.Errorf("%s: the header %s is %q, want %q", request, name, got, value)
				}
			}
			if set := w.Header().Get("Set-Cookie"); set != "" {
				cookie, _, _ = strings.Cut(set, ";")
			}
		}
	}
	return n
}

// listen begins to read a stream. The function that it returns waits until the stream has brought what
// is wanted, its status first, and leaves.
func (s *server) listen(target, want string) func() {
	s.t.Helper()
	s.vm.headPatience = time.Millisecond
	h := httptest.NewServer(s)
	resp, leave := get(s.t, h.URL+target)
	return func() {
		s.t.Helper()
		read(s.t, io.MultiReader(strings.NewReader(fmt.Sprintf("%d ", resp.StatusCode)), resp.Body), want)
		leave()
		h.Close()
	}
}

// wantedHeaders takes " | Name: value" off the end of an answer.
func wantedHeaders(want string) (string, []string) {
	var headers []string
	for {
		m := regexp.MustCompile(`^(.*) \| ([A-Z][\w-]*: .*)$`).FindStringSubmatch(want)
		if m == nil {
			return want, headers
		}
		want, headers = m[1], append(headers, m[2])
	}
}

func (s *server) logged(message string) []observer.LoggedEntry {
	return s.logs.FilterMessage(message).All()
}

// holdVM has a function of Go hold the VM until release is called.
func (s *server) holdVM() (release func()) {
	held, free := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_ = s.vm.loop.DoAdmitted(func(*thread) error { close(held); <-free; return nil })
	})
	<-held
	return func() {
		close(free)
		group.Wait()
	}
}

// awaitLine waits until the script has logged message.
func (s *server) awaitLine(message string) {
	s.t.Helper()
	s.awaitLines(message)
}

// awaitLines waits until the script has logged all messages, in any order.
func (s *server) awaitLines(messages ...string) {
	s.t.Helper()
	patience := time.After(60 * time.Second)
	for len(messages) > 0 {
		select {
		case line := <-s.lines:
			if i := slices.Index(messages, line); i >= 0 {
				messages = slices.Delete(messages, i, i+1)
			}
		case <-patience:
			s.t.Fatalf("%q were not logged; the log is %v", messages, s.logs.All())
		}
	}
}

func errorOf[E error](t *testing.T, err error) E {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("error is %T: %v", err, err)
	}
	return e
}

// newRequest returns a request for a path, to be changed before it is sent.
func newRequest(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

// send sends a request that httptest would not make, and returns the answer.
func (s *server) send(r *http.Request) string {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return answer(w)
}
