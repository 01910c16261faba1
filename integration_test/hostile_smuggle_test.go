package integration_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Odd requests through scripts, beside the same bytes through a Caddy without them: a script
// never makes more answers of them, nor more requests to the upstream, nor other ones.
func TestSmuggling(t *testing.T) {
	requests := rawRequests()
	if len(requests) < 200 {
		t.Fatalf("%d requests only", len(requests))
	}
	s := newSmuggling(t)
	lanes := make(chan int, smuggleLanes)
	for lane := range smuggleLanes {
		lanes <- lane
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	found := map[string][]string{} // requests by what went wrong
	for _, raw := range requests {
		lane := <-lanes
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { lanes <- lane }()
			for name, wrong := range s.compare(lane, raw) {
				// Where a wait came to its end early it does not, once more.
				if again := s.compare(lane, raw)[name]; again != "" && s.compare(lane, raw)[name] != "" {
					mu.Lock()
					found[name+": "+wrong] = append(found[name+": "+wrong], raw)
					mu.Unlock()
				}
			}
		}()
	}
	wg.Wait()
	for _, wrong := range slices.Sorted(maps.Keys(found)) {
		t.Errorf("%s, for %d requests, the first of which is %.300q", wrong, len(found[wrong]), found[wrong][0])
	}
	for _, d := range differencesAllowed {
		if _, met := s.met.Load(d.why); !met {
			t.Errorf("no request makes this difference any more: %s", d.why)
		}
	}
	t.Logf("%d requests, through %d scripts each", len(requests), len(smuggleScripts))
	s.stop()
	s.expectNoPanic()
}

// smuggleScripts are in testdata/smuggle.
var smuggleScripts = []string{"read_pass", "wait_proxy", "proxy", "after", "guard", "answer"}

// smuggleLanes is how many requests are under way at once. Each site is there once for
// each lane, with an upstream of its own, which so knows whose requests it gets.
const smuggleLanes = 8

type smuggling struct {
	*process
	upstreams map[string]*recorder // by site and lane
	met       sync.Map             // the differences that were met, by their reason
}

func newSmuggling(t *testing.T) *smuggling {
	s := &smuggling{upstreams: map[string]*recorder{}}
	dir := t.TempDir()
	var config strings.Builder
	config.WriteString(`{
	admin unix/{$WORK}/admin.sock
	auto_https off
	grace_period 10s
	servers {
		timeouts {
			read_header 1s
			read_body 1s
			idle 1s
		}
	}
	log default {
		output file {$WORK}/caddy.log
		level ERROR
	}
	log net_http {
		output file {$WORK}/net_http.log
		level DEBUG
		include http.stdlib
	}
}
(upstream) {
	reverse_proxy unix/{$WORK}/up-{args[0]}.sock {
		transport http {
			keepalive off
		}
	}
}
(script) {
	rover {args[0]}.lua {
		set up unix/{$WORK}/up-{args[0]}-N.sock
		proxy {
			transport http {
				keepalive off
			}
		}
	}
}
`)
	for _, site := range append([]string{"plain", "respond"}, smuggleScripts...) {
		var handlers string
		switch site {
		case "plain":
		case "respond":
			handlers = "respond answer"
		default:
			text, err := os.ReadFile(filepath.Join("testdata/smuggle", site+".lua"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, site+".lua"), string(text))
			handlers = "import script " + site
		}
		for lane := range smuggleLanes {
			name := fmt.Sprintf("%s-%d", site, lane)
			fmt.Fprintf(&config, "http:// {\n\tbind unix/{$WORK}/%s.sock\n\tvars lane %d\n\t%s\n\timport upstream %s\n}\n", name, lane, handlers, name)
			s.upstreams[name] = newRecorder(t, filepath.Join(dir, "up-"+name+".sock"))
		}
	}
	write(t, filepath.Join(dir, "Caddyfile"), config.String())
	s.process = startProcess(t, dir)
	for name := range s.upstreams {
		conn, err := dial(t.Context(), filepath.Join(dir, name+".sock"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	return s
}

// smuggled is what became of one connection's bytes.
type smuggled struct {
	statuses []string // of the final answers
	received []string // by the upstream
	err      error
}

var statusLine = regexp.MustCompile(`HTTP/1\.[01] ([1-5]\d\d) `)

// send sends the bytes to a site, and waits until the site closes the connection.
func (s *smuggling) send(name, raw string) (x smuggled) {
	conn, err := net.Dial("unix", filepath.Join(s.dir, name+".sock"))
	if err != nil {
		return smuggled{err: err}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	go func() { _, _ = io.WriteString(conn, raw) }()
	answers, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") { // it closed with bytes unread
		x.err = err
	}
	for _, m := range statusLine.FindAllSubmatch(answers, -1) {
		if status := string(m[1]); status[0] != '1' || status == "101" {
			x.statuses = append(x.statuses, status)
		}
	}
	x.received = s.upstreams[name].take()
	return x
}

// compare sends the bytes to every site of a lane, and says what each script did wrong.
func (s *smuggling) compare(lane int, raw string) map[string]string {
	proxied := s.send(fmt.Sprintf("plain-%d", lane), raw)
	answered := s.send(fmt.Sprintf("respond-%d", lane), raw)
	wrong := map[string]string{}
	for _, script := range smuggleScripts {
		x, plain := s.send(fmt.Sprintf("%s-%d", script, lane), raw), proxied
		if script == "answer" { // but for what no route is for, and goes on
			plain.statuses = answered.statuses
		}
		if why := x.worse(script, plain); why != "" && !s.allowed(script, raw, x, plain) {
			wrong[script] = why
		}
	}
	return wrong
}

// worse says what there is in x that there is not without a script.
func (x smuggled) worse(script string, plain smuggled) string {
	switch {
	case x.err != nil || plain.err != nil:
		return fmt.Sprintf("the connection is not closed: %v, without a script: %v", x.err, plain.err)
	case !x.answersLike(script, plain):
		return fmt.Sprintf("answers %q, without a script %q", x.statuses, plain.statuses)
	}
	rest := plain.received
	for _, r := range x.received {
		i := slices.Index(rest, r)
		if i < 0 {
			return fmt.Sprintf("the upstream got %.400q, without a script %.400q", r, rest)
		}
		rest = rest[i+1:]
	}
	return ""
}

// answersLike says that there are as many answers as without a script, of the same statuses.
// A script that reads a broken body, or asks for it, sees that before there is a request to
// the upstream: then its answer is a 4xx in place of a 502 or 504, and the connection may end there.
func (x smuggled) answersLike(script string, plain smuggled) bool {
	n := len(x.statuses)
	if n > len(plain.statuses) {
		return false
	}
	for i, status := range x.statuses {
		// Caddy itself says 499, 502 or 504 of a body that does not come, as it happens.
		broken := []string{"499", "502", "504"}
		refused := (status[0] == '4' || slices.Contains(broken, status)) && slices.Contains(broken, plain.statuses[i])
		if status != plain.statuses[i] && !refused && script != "answer" {
			return false
		}
	}
	if n < len(plain.statuses) {
		return n > 0 && x.statuses[n-1] >= "400" && slices.ContainsFunc(plain.received, isCut)
	}
	return true
}

// isCut says that a request came to the upstream without its end.
func isCut(request string) bool { return strings.HasSuffix(request, cutMark) }

const cutMark = "<cut>"

// Differences that are right, and why. None of them lets more through. One that is not met any
// more has to go.
var differencesAllowed = []difference{
	{"where there are hooks a target that no path begins is a 400: no hook would know whether it is covered", func(script, raw string, x, plain smuggled) bool {
		_, target, _ := strings.Cut(raw, " ")
		return (script == "guard" || script == "after") && !strings.HasPrefix(target, "/") && len(x.statuses) > 0 && x.statuses[0] == "400" &&
			len(x.received) <= len(plain.received)
	}},
	{"a hook that reads the answer to a HEAD has the GET made after it: docs/filters.md", func(script, raw string, x, plain smuggled) bool {
		if script != "after" || !strings.HasPrefix(raw, "HEAD ") || !slices.Equal(x.statuses, plain.statuses) || len(x.received) < 2 || len(plain.received) == 0 {
			return false
		}
		return slices.Equal(slices.Delete(slices.Clone(x.received), 1, 2), plain.received) &&
			strings.Replace(x.received[1], "Accept-Encoding: gzip\r\n", "", 1) == "GET"+strings.TrimPrefix(plain.received[0], "HEAD")
	}},
	{"an Upgrade to HTTP itself does not go on: docs/security.md", func(_, raw string, x, plain smuggled) bool {
		upgrade := regexp.MustCompile(`Connection: Upgrade\r\n|Http2-Settings: [^\r]*\r\n|Upgrade: (?i:h2c|http)[^\r]*\r\n|Connection: close\r\n`)
		without := func(list []string) (out []string) {
			for _, r := range list {
				out = append(out, upgrade.ReplaceAllString(r, ""))
			}
			return out
		}
		got, want := without(x.received), without(plain.received)
		return strings.Contains(strings.ToLower(raw), "\nupgrade: h2c") && len(got) <= len(want) && slices.Equal(got, want[:len(got)])
	}},
	{"after a 2xx to CONNECT, which would begin a tunnel, the connection ends", func(_, raw string, x, plain smuggled) bool {
		return strings.HasPrefix(raw, "CONNECT ") && len(x.statuses) <= len(plain.statuses) && len(x.received) <= len(plain.received)
	}},
	{"ctx:proxy drops trailers of a request that it did not announce", func(script, raw string, x, plain smuggled) bool {
		withoutTrailers := func(list []string) (out []string) {
			for _, r := range list {
				out = append(out, regexp.MustCompile(`trailer map.*`).ReplaceAllString(r, ""))
			}
			return out
		}
		return script == "wait_proxy" && slices.Equal(x.statuses, plain.statuses) && strings.Contains(raw, "Trailer: X-Trailer\r\n") &&
			slices.Equal(withoutTrailers(x.received), withoutTrailers(plain.received))
	}},
	{"a trailer that frames or routes the message does not go on: docs/security.md", func(_, raw string, x, plain smuggled) bool {
		struck := regexp.MustCompile(`"(Content-Length|Host|Transfer-Encoding)":\["[^"]*"\] ?`)
		var want []string
		for _, r := range plain.received {
			want = append(want, struck.ReplaceAllString(r, ""))
		}
		return regexp.MustCompile(`\n0\r\n(Content-Length|Host|Transfer-Encoding):`).MatchString(raw) &&
			slices.Equal(x.statuses, plain.statuses) && slices.Equal(x.received, want)
	}},
	{"an answer to Expect does not wait for the body, and the connection ends: docs/bodies.md", func(_, raw string, x, plain smuggled) bool {
		return strings.Contains(raw, "\r\nExpect: 100-continue") && len(x.statuses) == 1 && len(plain.statuses) > 1 &&
			x.statuses[0] == plain.statuses[0] && len(x.received) <= len(plain.received)
	}},
}

type difference struct {
	why string
	is  func(script, raw string, x, plain smuggled) bool
}

// allowed says which of the differences that are right this is, if it is one.
func (s *smuggling) allowed(script, raw string, x, plain smuggled) bool {
	for _, d := range differencesAllowed {
		if d.is(script, raw, x, plain) {
			s.met.Store(d.why, true)
			return true
		}
	}
	return false
}

// recorder is an upstream that keeps all that it gets.
type recorder struct {
	socket string
	mu     sync.Mutex
	got    []string
}

func newRecorder(t *testing.T, socket string) *recorder {
	u := &recorder{socket: socket}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			u.serve(conn)
		}
	}()
	return u
}

// take returns what has come since it was called last. Connections are served one by one,
// in order: when its own has been, all before it have.
func (u *recorder) take() []string {
	conn, err := net.Dial("unix", u.socket)
	if err != nil {
		return []string{err.Error()}
	}
	_, _ = io.WriteString(conn, "MARK")
	_, _ = io.ReadAll(conn)
	_ = conn.Close()
	u.mu.Lock()
	defer u.mu.Unlock()
	got := u.got
	u.got = nil
	return got
}

// serve reads requests, one after the other, and answers each when it is whole.
func (u *recorder) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	for {
		first, err := r.Peek(4)
		if string(first) == "MARK" {
			return
		}
		if err != nil { // the end, or hardly more
			if len(first) > 0 {
				u.keep(fmt.Sprintf("%q%s", first, cutMark))
			}
			return
		}
		req, err := http.ReadRequest(r)
		if err != nil {
			u.keep(fmt.Sprintf("no request: %v%s", err, cutMark))
			return
		}
		var text strings.Builder
		fmt.Fprintf(&text, "%s %s %s Host:%s Content-Length:%d Transfer-Encoding:%q\n", req.Method, req.RequestURI, req.Proto, req.Host, req.ContentLength, req.TransferEncoding)
		req.Header.Del("X-Request-Id") // which the directive adds, and is another each time
		_ = req.Header.Write(&text)
		body, err := io.ReadAll(req.Body)
		if err != nil { // how much of the body came before its end was missed is a matter of time
			text.WriteString("\na part of a body" + cutMark)
			u.keep(text.String())
			return
		}
		fmt.Fprintf(&text, "\n%q trailer %q", body, req.Trailer)
		u.keep(text.String())
		if req.Header.Get("Upgrade") == "websocket" {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			u.keep(fmt.Sprintf("by the tunnel: %q", tunnelled(r)))
			return
		}
		answer := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup"
		if req.Method == http.MethodHead {
			answer = strings.TrimSuffix(answer, "up")
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

// tunnelled returns what comes through a tunnel, until the request that ends most of
// rawRequests has come.
func tunnelled(r *bufio.Reader) (got []byte) {
	for !bytes.HasSuffix(got, []byte("close\r\n\r\n")) {
		b, err := r.ReadByte()
		if err != nil {
			break
		}
		got = append(got, b)
	}
	return got
}

func (u *recorder) keep(request string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.got = append(u.got, request)
}
