package integration_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// upServer is the upstream of one run: it writes bytes, not responses, and notes the bytes that
// it gets, each connection's in the order in which they came.
type upServer struct {
	net.Listener
	run *run
	wg  sync.WaitGroup

	mu     sync.Mutex
	conns  []*upConn
	closed bool
}

// upConn is a connection of the proxy to the upstream.
type upConn struct {
	net.Conn
	*run
	in    *bufio.Reader
	n     int             // how many there were before
	notes strings.Builder // of what came
	last  string          // the head that was read last
	heads int             // so many were read
}

// ups counts the upstreams so far.
var ups atomic.Int32

// listenUp listens on the next port, or in a file, which has names of one length. The system gives no port
// twice as long as it has others, but a test that takes some thousands would meet the pools of the runs
// before.
func listenUp(dir string) (l net.Listener, err error) {
	const first, n = 10_000, 19_500 // above them are those of freePort
	for range n {
		at := fmt.Sprint(first + ups.Add(1)%n)
		if dir != "" {
			return net.Listen("unix", filepath.Join(dir, at))
		}
		if l, err = net.Listen("tcp", "127.0.0.1:"+at); err == nil {
			break
		}
	}
	return l, err
}

// startUp starts the upstream of a run on a port of its own, so that no other run uses its
// connections.
func startUp(r *run) (*upServer, error) {
	dir := ""
	if r.c.unix {
		dir = r.forward.sockets
	}
	l, err := listenUp(dir)
	if err != nil {
		return nil, err
	}
	u := &upServer{Listener: l, run: r}
	u.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(forwardPatience))
			c := &upConn{Conn: conn, run: r, in: bufio.NewReader(conn)}
			u.mu.Lock()
			if u.closed {
				u.mu.Unlock()
				_ = conn.Close()
				return
			}
			c.n = len(u.conns)
			u.conns = append(u.conns, c)
			u.wg.Go(func() {
				defer conn.Close()
				r.c.serve(c)
			})
			u.mu.Unlock()
		}
	})
	return u, nil
}

// name is what tells the proxy where it is.
func (u *upServer) name() string {
	if u.run.c.unix {
		return u.Addr().String()
	}
	_, port, _ := net.SplitHostPort(u.Addr().String())
	return port
}

// end ends the upstream, and returns what it has got.
func (u *upServer) end() string {
	_ = u.Close()
	u.mu.Lock()
	u.closed = true
	for _, c := range u.conns {
		_ = c.Close()
	}
	u.mu.Unlock()
	u.wg.Wait()
	var all strings.Builder
	for _, c := range u.conns {
		if c.notes.Len() > 0 { // else it was not used: net/http may dial one too many
			fmt.Fprintf(&all, "upstream, connection:\n%s", c.notes.String())
		}
	}
	return all.String()
}

// reused reports, once it has ended, whether its first connection was used again.
func (u *upServer) reused() bool { return len(u.conns) > 0 && u.conns[0].heads > 1 }

func (c *upConn) note(format string, args ...any) { fmt.Fprintf(&c.notes, format+"\n", args...) }

// say sends bytes.
func (c *upConn) say(parts ...string) { _, _ = io.WriteString(c, strings.Join(parts, "")) }

// head reads the head of a request, and reports whether there is one.
func (c *upConn) head() bool {
	var head strings.Builder
	for {
		line, err := c.in.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			if head.Len() > 0 {
				c.note("a part of a head: %q", head.String())
			}
			return false
		}
		if line == "\r\n" {
			c.last = head.String()
			c.notes.WriteString(c.last)
			c.heads++
			return true
		}
	}
}

// field returns the value of a header of the head that was read last.
func (c *upConn) field(name string) (string, bool) {
	for line := range strings.Lines(c.last) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(key, name) {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// body reads the body that the last head announces, and reports whether it was whole.
func (c *upConn) body() bool {
	if te, ok := c.field("Transfer-Encoding"); ok {
		data, trailers, err := readChunked(c.in)
		c.note("body, %s: %s%s%s", te, display(data), trailers, ending(err))
		return err == nil
	}
	length, ok := c.field("Content-Length")
	if !ok {
		return true
	}
	n, err := strconv.Atoi(length)
	data := make([]byte, n)
	if err == nil {
		n, err = io.ReadFull(c.in, data)
	}
	c.note("body: %s%s", display(data[:n]), ending(err))
	return err == nil
}

// next reads a request.
func (c *upConn) next() bool { return c.head() && c.body() }

// gone waits until the proxy closes the connection.
func (c *upConn) gone() {
	rest, err := io.ReadAll(c.in)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.note("the proxy has not closed it")
		return
	}
	if len(rest) > 0 {
		c.note("more: %s", display(rest))
	}
	c.note("closed by the proxy")
}

// drop closes the connection by a TCP reset.
func (c *upConn) drop() {
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// shut ends what the upstream sends, and goes on reading: if it closed the connection with
// something unread, that would be a reset.
func (c *upConn) shut() {
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, c.in)
}

// answering is an upstream that gives answers in turn, the last one again and again, one to each
// request of any connection.
func answering(answers ...string) func(*upConn) {
	return func(c *upConn) {
		for c.next() {
			c.say(answers[min(int(c.answered.Add(1)), len(answers))-1])
		}
	}
}

// chunks is a chunked body without its end.
func chunks(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(p), p)
	}
	return b.String()
}

// message is a response without a body, or the head of one.
func message(status string, headers ...string) string {
	return "HTTP/1.1 " + status + "\r\n" + strings.Join(append(headers, "", ""), "\r\n")
}

// ok is a response of known length. It always has a type: one that Caddy guesses would depend
// on when the body comes.
func ok(body string, headers ...string) string {
	return message("200 OK", append(headers, "Content-Type: text/plain", "Content-Length: "+strconv.Itoa(len(body)))...) + body
}

// streamed is the head of a chunked response.
func streamed(headers ...string) string {
	return message("200 OK", append(headers, "Content-Type: text/plain", "Transfer-Encoding: chunked")...)
}

// readChunked reads a chunked body by hand: extensions and trailers show.
func readChunked(in *bufio.Reader) (data []byte, trailers string, err error) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return data, "", err
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(line, "\r\n"), 16, 32)
		if err != nil {
			return data, "", fmt.Errorf("the chunk size %q", line)
		}
		if n == 0 {
			break
		}
		chunk := make([]byte, n)
		m, err := io.ReadFull(in, chunk)
		data = append(data, chunk[:m]...)
		if err != nil {
			return data, "", err
		}
		if end, err := in.ReadString('\n'); err != nil || end != "\r\n" {
			return data, "", fmt.Errorf("a chunk ends with %q: %w", end, err)
		}
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == "\r\n" {
			return data, trailers, err
		}
		trailers += "\ntrailer " + strings.TrimSuffix(line, "\r\n")
	}
}
