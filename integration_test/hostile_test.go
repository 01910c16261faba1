package integration_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var hostileTotal = flag.Int("hostile", 5_000, "how many streams and requests TestHostile makes")

// attack is one thing that a client does which is up to no good. It makes n streams or
// requests, and returns an error only for what speaks against the server: a connection that
// the server has closed does not.
type attack struct {
	name string
	run  func(h *hostile, n int) error
}

func hostileAttacks() []attack {
	var all []attack
	for _, group := range [][]attack{h1Attacks(), h2Attacks("h2"), h2Attacks("h2c"), h3Attacks()} {
		all = append(all, group...)
	}
	return all
}

// Whatever bytes clients send and whenever they leave, the process lives, does not keep what
// they have cost, and answers the next request.
func TestHostile(t *testing.T) {
	h := newHostile(t)
	attacks := hostileAttacks()
	for _, a := range attacks { // what is made once, and pools, do not count
		if err := a.run(h, 64); err != nil {
			t.Errorf("%s: %v", a.name, err)
		}
		h.expectAnswers(t)
	}
	h.untilQuiet(0, 0)
	goroutines, heap := h.goroutines(), h.heap()
	profile := h.ask("/debug/pprof/heap?gc=1")
	for _, a := range attacks {
		lives := t.Run(a.name, func(t *testing.T) {
			defer func(outer *testing.T) { h.t = outer }(h.t)
			h.t = t
			began, made := time.Now(), h.made.Load()
			if err := a.run(h, max(*hostileTotal/len(attacks), 1)); err != nil {
				t.Error(err)
			}
			h.expectAnswers(t)
			h.untilQuiet(goroutines+spareGoroutines, heap+spareBytes)
			t.Logf("%d streams and requests in %v", h.made.Load()-made, time.Since(began).Round(time.Millisecond))
		})
		if !lives {
			h.saveProfiles("hostile", profile)
			t.Fatal("the other attacks would meet a server that is not as it was")
		}
	}
	t.Logf("%d streams and requests in all; goroutines before and after %d, %d; heap %.1f and %.1f MiB",
		h.made.Load(), goroutines, h.goroutines(), float64(heap)/(1<<20), float64(h.heap())/(1<<20))
	h.stop()
	h.expectNoPanic()
}

// What the server may have more of than before: buffers in pools and up to 256 spare Lua threads
// (2.5 MiB), beside a tenth of the heap, and what the libraries start and end as they like. It is far
// below what an attack would leave behind that leaves a little for each stream.
const (
	spareBytes      = 8 << 20
	spareGoroutines = 8
)

// hostileClients is how many connections an attack uses at once.
const hostileClients = 4

// hostile is a caddy process with every kind of script, on http.sock (HTTP/1.1 and h2c),
// tls.sock and a port (HTTP/3).
type hostile struct {
	*process
	client *client
	h2c    *http.Client
	port   string
	made   atomic.Int64 // streams and requests
}

func newHostile(t *testing.T) *hostile {
	dir := t.TempDir()
	for _, name := range []string{"Caddyfile", "hostile.lua"} {
		text, err := os.ReadFile(filepath.Join("testdata/hostile", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(text))
	}
	serveHostileUpstream(t, filepath.Join(dir, "up.sock"))
	h := &hostile{port: freePort()}
	h.process = startProcess(t, dir, "PORT="+h.port)
	h.client = newClient(dir, h.port)
	t.Cleanup(h.client.close)
	h.h2c = newH2C(filepath.Join(dir, "http.sock"))
	t.Cleanup(h.h2c.CloseIdleConnections)
	h.expectAnswers(t)
	return h
}

// serveHostileUpstream is a service that answers at once or after it has read the body, and
// one whose answer does not end.
func serveHostileUpstream(t *testing.T, socket string) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		endless := r.Method == http.MethodGet
		if !endless {
			_, _ = io.Copy(io.Discard, r.Body)
		}
		piece := strings.Repeat("from the upstream ", 50)
		for {
			if _, err := io.WriteString(w, piece); err != nil || !endless || r.Context().Err() != nil {
				return
			}
		}
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
}

// expectAnswers asks for an ordinary answer over each protocol. Requests that clients have left
// may still fill the queue, for as long as it takes to see that they have.
func (h *hostile) expectAnswers(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		out, err := h.client.get(&request{
			method: "POST", path: "/try/read_next", host: "localhost", proto: 1, header: http.Header{},
			body: func() io.Reader { return strings.NewReader("body") },
		}, false)
		if err != nil || !strings.HasPrefix(out, "503\n") || time.Now().After(deadline) {
			break
		}
	}
	for _, proto := range []int{1, 2, 3} {
		for _, r := range []*request{
			{method: "GET", path: "/ok"},
			{method: "POST", path: "/try/read_next", body: func() io.Reader { return strings.NewReader("body") }},
		} {
			r.host, r.proto, r.header = "localhost", proto, http.Header{}
			if out, err := h.client.get(r, false); err != nil || !strings.HasPrefix(out, "200\n") {
				t.Fatalf("HTTP/%d %s %s: %q, %v", proto, r.method, r.path, out, err)
			}
		}
	}
	resp, err := h.h2c.Post("http://localhost/try/text", "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatalf("h2c POST /try/text: %v", err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "4" || err != nil {
		t.Fatalf("h2c POST /try/text: %s %q, %v", resp.Status, body, err)
	}
	for _, c := range []*http.Client{h.client.h1, h.client.http2(), h.client.http3(), h.h2c} {
		c.CloseIdleConnections() // what is idle would be counted, or not
	}
}

// hostileRequest is a request of hostile.lua, with a body that some attacks send in part.
type hostileRequest struct{ method, path, ctype, body string }

// hostileRequests go to every way in which a script reads a body or writes an answer.
var hostileRequests = func() []hostileRequest {
	list := []hostileRequest{
		{"POST", "/try/json", "application/json", `{"a":[1,2,3],"b":"` + strings.Repeat("x", 60) + `"}`},
		{"POST", "/try/form", "application/x-www-form-urlencoded", "a=1&b=" + strings.Repeat("%20", 20)},
		{"POST", "/try/parts", "multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--B--\r\n"},
	}
	for _, path := range []string{
		"unread", "text", "caught", "pass", "read_pass", "proxy", "read_proxy", "wait_proxy", "next", "read_next", "guarded",
		"late", "twice", "whole", "filter", "flow_read", "sleep", "lock", "parallel", "spawn", "no_route",
	} {
		list = append(list, hostileRequest{"POST", "/try/" + path, "text/plain", strings.Repeat("body ", 20)})
	}
	for _, path := range []string{"flow", "events", "filter", "whole", "no_route"} {
		list = append(list, hostileRequest{"GET", "/try/" + path, "", ""})
	}
	return list
}()

// rounds runs do for 0 to n-1, some at once, each goroutine with what open has made for it.
// After an error, which is the connection's end, it opens another one.
func rounds[C io.Closer](h *hostile, n int, open func() (C, error), do func(c C, i int) error) error {
	var next atomic.Int64
	return together(hostileClients, func() error {
		for int(next.Load()) < n {
			c, err := open()
			if err != nil {
				return fmt.Errorf("connecting: %w", err)
			}
			for err == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					break
				}
				h.made.Add(1)
				err = do(c, i)
			}
			_ = c.Close()
			if err := wrong(err); err != nil {
				return err
			}
		}
		return nil
	})
}

// errFault is wrapped by what speaks against the server.
var errFault = errors.New("fault of the server")

// wrong returns err if it speaks against the server: a wait without end does too.
func wrong(err error) error {
	if errors.Is(err, errFault) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
