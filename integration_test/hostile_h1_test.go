package integration_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func h1Attacks() []attack {
	return []attack{
		{"h1 cut at every byte", func(h *hostile, n int) error { return h1Cuts(h, n, (*hostile).plainConn) }},
		{"h1 over TLS cut at every byte", func(h *hostile, n int) error {
			return h1Cuts(h, n, func(h *hostile) (net.Conn, error) { return h.tlsConn("http/1.1") })
		}},
		{"h1 reset while the answer comes", h1Resets},
		{"h1 heads without end", h1Heads},
		{"h1 pipelined, and gone", h1Pipelined},
	}
}

// plainConn connects to the socket without TLS.
func (h *hostile) plainConn() (net.Conn, error) { return h.dialSocket("http.sock") }

// dialSocket waits where more clients than the backlog holds connect at once: a Unix socket
// refuses them, while TCP tries again by itself.
func (h *hostile) dialSocket(name string) (net.Conn, error) {
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("unix", filepath.Join(h.dir, name))
		if err == nil {
			return conn, conn.SetDeadline(deadline)
		}
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(deadline) {
			return nil, err
		}
		runtime.Gosched()
	}
}

// tlsConn connects by TCP, which knows resets.
func (h *hostile) tlsConn(proto string) (net.Conn, error) {
	conn, err := net.Dial("tcp", "127.0.0.1:"+h.port)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	tc := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{proto}})
	if err := tc.Handshake(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return tc, nil
}

func (r hostileRequest) h1(chunked bool) string {
	head := r.method + " " + r.path + " HTTP/1.1\r\nHost: localhost\r\n"
	switch {
	case r.body == "":
		return head + "\r\n"
	case chunked:
		half := len(r.body) / 2
		return head + "Content-Type: " + r.ctype + "\r\nTransfer-Encoding: chunked\r\n\r\n" +
			fmt.Sprintf("%x\r\n%s\r\n%x;ext=1\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n", half, r.body[:half], len(r.body)-half, r.body[half:])
	default:
		return head + fmt.Sprintf("Content-Type: %s\r\nContent-Length: %d\r\n\r\n%s", r.ctype, len(r.body), r.body)
	}
}

// cuts are beginnings of requests: every length in turn, of another request each time, and
// after some rounds of all every length of each.
type cuts struct {
	requests [][]byte
	longest  int
}

func newCuts(requests [][]byte) (c cuts) {
	c.requests = requests
	for _, r := range requests {
		c.longest = max(c.longest, len(r))
	}
	return c
}

// at returns the i-th beginning.
func (c cuts) at(i int) []byte {
	r := c.requests[(i+i/c.longest)%len(c.requests)]
	return r[:min(1+i%c.longest, len(r))]
}

// h1Cuts sends every beginning of the requests, and leaves: every second time by a reset
// where the socket knows that.
func h1Cuts(h *hostile, n int, connect func(*hostile) (net.Conn, error)) error {
	var variants [][]byte
	for _, r := range hostileRequests {
		variants = append(variants, []byte(r.h1(false)), []byte(r.h1(true)))
	}
	all := newCuts(variants)
	return rounds(h, max(n, all.longest), func() (io.Closer, error) { return io.NopCloser(nil), nil }, func(_ io.Closer, i int) error {
		conn, err := connect(h)
		if err != nil {
			return fmt.Errorf("%w: connecting: %w", errFault, err)
		}
		defer conn.Close()
		if tc, ok := conn.(*tls.Conn); ok && i%2 == 1 {
			_ = tc.NetConn().(*net.TCPConn).SetLinger(0)
			defer tc.NetConn().Close() // without a close_notify
		}
		_, err = conn.Write(all.at(i))
		return err
	})
}

// h1Resets asks for what does not end, or waits for a body, and leaves when the answer begins.
func h1Resets(h *hostile, n int) error {
	return rounds(h, n, func() (io.Closer, error) { return io.NopCloser(nil), nil }, func(_ io.Closer, i int) error {
		conn, err := h.tlsConn("http/1.1")
		if err != nil {
			return fmt.Errorf("%w: connecting: %w", errFault, err)
		}
		defer conn.Close()
		path := []string{"/try/flow", "/try/events", "/try/filter", "/try/no_route"}[i%4]
		if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return err
		}
		_, err = io.ReadFull(conn, make([]byte, 200))
		_ = conn.(*tls.Conn).NetConn().(*net.TCPConn).SetLinger(0)
		_ = conn.(*tls.Conn).NetConn().Close()
		if err != nil {
			return fmt.Errorf("%w: GET %s has no answer: %w", errFault, path, err)
		}
		return nil
	})
}

// h1Heads sends heads and trailers that go on, until the server has had enough.
func h1Heads(h *hostile, n int) error {
	return rounds(h, n/100+1, h.plainConn, func(conn net.Conn, i int) error {
		begin := []string{
			"POST /try/text HTTP/1.1\r\nHost: localhost\r\n",
			"POST /try/text HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
			"POST /try/text HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1;",
		}[i%3]
		line := "X-Filler: " + strings.Repeat("f", 4000) + "\r\n"
		if i%3 == 2 {
			line = strings.Repeat("e", 4000)
		}
		if _, err := io.WriteString(conn, begin); err != nil {
			return err
		}
		for sent := 0; ; sent += len(line) {
			if sent > 64<<20 {
				return fmt.Errorf("%w: it takes a head of 64 MiB: %.60q", errFault, begin)
			}
			if _, err := io.WriteString(conn, line); err != nil {
				return err
			}
		}
	})
}

// h1Pipelined sends many requests at once and does not wait for the answers.
func h1Pipelined(h *hostile, n int) error {
	const many = 50
	return rounds(h, n/many+1, func() (io.Closer, error) { return io.NopCloser(nil), nil }, func(_ io.Closer, i int) error {
		conn, err := h.plainConn()
		if err != nil {
			return fmt.Errorf("%w: connecting: %w", errFault, err)
		}
		defer conn.Close()
		var all strings.Builder
		for k := range many {
			r := hostileRequests[(i+k)%len(hostileRequests)]
			all.WriteString(r.h1(k%2 == 0))
		}
		h.made.Add(many - 1)
		_, err = io.WriteString(conn, all.String())
		return err
	})
}
