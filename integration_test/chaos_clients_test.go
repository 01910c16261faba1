package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// leave says when a client leaves.
type leave int

const (
	stays        leave = iota
	leavesEarly        // in the middle of its request
	leavesWhile        // some time after its request, at most 30 ms
	leavesMidway       // after the first bytes of the answer
)

// result is what became of a request.
type result struct {
	kind, id string
	status   int
	body     string
	left     bool
}

// storm is what clients have seen.
type storm struct {
	mu    sync.Mutex
	good  []result
	count map[string]int // "/path status", or "/path left"
}

var (
	chaosGood = []string{"count", "sleep", "lock", "semaphore", "fetch", "http", "lines", "http_reset", "parallel", "body", "spawn", "channel"}
	chaosBad  = []string{
		"runaway", "caught", "recursion", "pattern", "hog", "doubling", "callback", "callback_caught", "callback_sort", "callback_coroutine",
		"callback_parallel", "timeout", "lock_runaway", "lock_callback", "fetch_callback",
	}
)

// chaosRequest is what one kind of client sends, and the statuses it may get. Any may be
// refused.
type chaosRequest struct {
	path string
	want []int
	body string // "cut" if the answer's body may end early
}

func chaosRequests() (requests []chaosRequest) {
	add := func(path string, want ...int) { requests = append(requests, chaosRequest{path: path, want: want}) }
	for _, name := range chaosBad {
		switch name {
		case "timeout":
			add("/bad/"+name, 504)
			add("/q/"+name, 504)
		case "lock_runaway", "lock_callback", "fetch_callback":
			add("/bad/"+name, 500, 504) // it may wait for another's
			add("/q/"+name, 500, 504, 200)
		default:
			add("/bad/"+name, 500, 504)    // a wait may come to its end late
			add("/q/"+name, 500, 504, 200) // by the next handler, in quarantine
		}
	}
	for _, by := range []string{"/proxied", "/onward"} {
		add(by+"/slow", 200)
		add(by+"/reset", 502)
		add(by+"/big", 200)
		requests = append(requests, chaosRequest{path: by + "/cut", want: []int{200}, body: "cut"})
	}
	add("/onward_callback/slow", 500)
	add("/guarded/slow", 500)
	add("/big", 200)
	add("/unrouted", 200)
	return requests
}

var chaosSerial atomic.Int64

// storm runs clients of all kinds, and reloads, for some time.
func (c *chaos) storm(d time.Duration) *storm {
	s := &storm{count: map[string]int{}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	client := func(n int, once func(r *rand.Rand)) {
		for range n {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(chaosSerial.Add(1)), 0))
				for {
					select {
					case <-stop:
						return
					default:
						once(r)
					}
				}
			})
		}
	}
	bad := chaosRequests()
	for _, kind := range chaosGood { // everything has had its turn, however short the storm
		c.sendGood(s, kind, stays)
	}
	for _, r := range bad {
		c.sendBad(s, r, stays)
	}
	for range 2 { // before a reload, which forgets how often
		c.sendBad(s, chaosRequest{path: "/q/runaway", want: []int{500, 200}}, stays)
	}
	client(4*len(chaosGood), func(r *rand.Rand) { c.sendGood(s, chaosGood[r.IntN(len(chaosGood))], stays) })
	client(16, func(r *rand.Rand) {
		c.sendGood(s, chaosGood[r.IntN(len(chaosGood))], leave(1+r.IntN(3)))
	})
	client(16, func(r *rand.Rand) { c.sendBad(s, bad[r.IntN(len(bad))], stays) })
	client(8, func(r *rand.Rand) { c.sendBad(s, bad[r.IntN(len(bad))], leave(1+r.IntN(3))) })
	client(4, func(*rand.Rand) { c.sendBad(s, chaosRequest{path: "/q/runaway", want: []int{500, 200}}, stays) })
	client(64, func(r *rand.Rand) { c.sendGood(s, "sleep", stays) })

	version := 0
	reloads := time.NewTicker(time.Second)
	defer reloads.Stop()
	end := time.NewTimer(d)
	for over := false; !over; {
		select {
		case <-reloads.C:
			version++
			c.reload(string("ab"[version%2]))
		case <-end.C:
			over = true
		}
	}
	close(stop)
	wg.Wait()
	return s
}

func (c *chaos) sendGood(s *storm, kind string, l leave) {
	id := fmt.Sprint(chaosSerial.Add(1))
	body := ""
	if kind == "body" {
		body = strings.Repeat("x", 1000)
	}
	status, answer, err := c.send("/good/"+kind+"?id="+id, body, l)
	s.note(c.t, chaosRequest{path: "/good/" + kind, want: []int{200, 500, 504}}, l, status, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.good = append(s.good, result{kind: kind, id: id, status: status, body: answer, left: status == 0})
}

func (c *chaos) sendBad(s *storm, r chaosRequest, l leave) {
	status, _, err := c.send(r.path, "", l)
	s.note(c.t, r, l, status, err)
}

// note counts an answer and checks that it is one that may be.
func (s *storm) note(t *testing.T, r chaosRequest, l leave, status int, err error) {
	key := fmt.Sprint(r.path, " ", status)
	if status == 0 {
		key = r.path + " left"
	}
	s.mu.Lock()
	s.count[key]++
	first := s.count[key] == 1
	s.mu.Unlock()
	switch {
	case status == 0 && l != stays:
	case err != nil && !(r.body == "cut" && status == http.StatusOK):
		t.Errorf("%s: %d %v", r.path, status, err)
	case status != http.StatusServiceUnavailable && !slices.Contains(r.want, status) && first:
		t.Errorf("%s: answered %d, want one of %v", r.path, status, r.want)
	}
}

// errDropped says that the server closed a connection on which it had answered nothing.
var errDropped = errors.New("the connection was dropped")

// send is sendOnce, and once more when the connection was dropped: at a reload Caddy
// closes connections that nobody has accepted yet, with or without this plugin. A request
// that had been served nevertheless would be in the ledger twice.
func (c *chaos) send(target, body string, l leave) (status int, answer string, err error) {
	for until := time.Now().Add(patience); ; c.dropped.Add(1) {
		status, answer, err = c.sendOnce(target, body, l)
		if !errors.Is(err, errDropped) || time.Now().After(until) {
			return status, answer, err
		}
	}
}

// sendOnce sends one request on a connection of its own, and reads to the end of that: there
// must be exactly one answer. Status 0 without an error: the client left.
func (c *chaos) sendOnce(target, body string, l leave) (status int, answer string, err error) {
	conn, err := dial(context.Background(), filepath.Join(c.dir, "http.sock"))
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	var request bytes.Buffer
	class := []string{"high", "low", "normal"}[chaosSerial.Add(1)%3]
	fmt.Fprintf(&request, "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Class: %s\r\nContent-Length: %d\r\n\r\n%s",
		target, class, len(body), body)
	until := time.Now().Add(patience)
	switch l {
	case leavesEarly:
		_, _ = conn.Write(request.Bytes()[:rand.IntN(request.Len())])
		return 0, "", nil
	case leavesWhile:
		until = time.Now().Add(rand.N(30 * time.Millisecond))
	}
	if err := conn.SetDeadline(until); err != nil {
		return 0, "", err
	}
	if _, err = conn.Write(request.Bytes()); err != nil && l != leavesWhile {
		return 0, "", fmt.Errorf("sending: %w: %w", errDropped, err)
	}
	if l == leavesMidway {
		_, _ = io.ReadFull(conn, make([]byte, 1+rand.IntN(100)))
		return 0, "", nil
	}
	all, err := io.ReadAll(conn)
	if l == leavesWhile && errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, "", nil
	}
	switch {
	case len(all) == 0 && !errors.Is(err, os.ErrDeadlineExceeded):
		return 0, "", errDropped
	case err != nil:
		return 0, "", fmt.Errorf("reading: %w", err)
	}
	return parseOnlyAnswer(all)
}

// parseOnlyAnswer parses what a server sent on a connection: one answer, and nothing
// behind it.
func parseOnlyAnswer(all []byte) (status int, body string, err error) {
	rd := bufio.NewReader(bytes.NewReader(all))
	resp, err := http.ReadResponse(rd, &http.Request{Method: http.MethodPost})
	if err != nil {
		return 0, "", fmt.Errorf("no answer in %q: %w", all, err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, "", err
	}
	if rest, _ := io.ReadAll(rd); len(rest) > 0 {
		return resp.StatusCode, "", fmt.Errorf("behind the answer: %.200q", rest)
	}
	return resp.StatusCode, string(data), nil
}

// expectVariety checks that all that could happen has happened.
func (s *storm) expectVariety(t *testing.T) {
	t.Helper()
	if *chaosTime < 30*time.Second {
		return // not everything has had its turn
	}
	for _, name := range chaosGood {
		for _, what := range []string{" 200", " left"} {
			if s.count["/good/"+name+what] == 0 {
				t.Errorf("no /good/%s%s", name, what)
			}
		}
	}
	for _, r := range chaosRequests() {
		if s.count[fmt.Sprint(r.path, " ", r.want[0])] == 0 {
			t.Errorf("no %s %d", r.path, r.want[0])
		}
	}
}

// String says how often each kind of request got which answer.
func (s *storm) String() string {
	var lines []string
	for key, n := range s.count {
		lines = append(lines, fmt.Sprint(key, ": ", n))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// newChaosUpstream starts a service that is slow, resets connections and ends answers in
// the middle, and returns its address.
func newChaosUpstream(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path.Base(r.URL.Path) {
		case "slow":
			delay := time.NewTimer(5 * time.Millisecond)
			defer delay.Stop()
			select {
			case <-delay.C:
			case <-r.Context().Done():
			}
			_, _ = io.WriteString(w, "slow")
		case "lines":
			for range 3 {
				fmt.Fprintln(w, strings.Repeat("x", 100))
				_ = http.NewResponseController(w).Flush()
			}
		case "big":
			_, _ = io.WriteString(w, strings.Repeat("0123456789abcdef", 65536))
		case "reset":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		case "cut":
			_, _ = io.WriteString(w, strings.Repeat("cut", 1000))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, "next")
		}
	}))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return s.URL
}
