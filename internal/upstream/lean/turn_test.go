package lean

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// deadlineConn is a connection of which a read may only take so long, as those of reverse_proxy with
// read_timeout.
type deadlineConn struct {
	*net.TCPConn
	timeout time.Duration
}

func (c deadlineConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.TCPConn.Read(p)
}

// A connection that is more than one of the system's keeps what it does when it is read from.
func TestConnWithDeadlines(t *testing.T) {
	s := serve(t, func(_ int, c net.Conn, br *bufio.Reader) {
		for {
			req, err := readRequest(br)
			if err != nil {
				return
			}
			if !strings.HasPrefix(req.URL.Path, "/never") {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
		}
	})
	var dialled int
	var last deadlineConn
	timeout := time.Hour
	tr, _ := transport(t, func(b *http.Transport) {
		b.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			dialled++
			last = deadlineConn{c.(*net.TCPConn), timeout}
			return last, nil
		}
	})
	defer tr.CloseIdleConnections()
	url := "http://" + s.Addr().String()
	for range 3 {
		if g := ask(tr, get(url)); g.Body != "ok" {
			t.Fatalf("%+v", g)
		}
		if err := last.SetReadDeadline(time.Unix(1, 0)); err != nil { // of the last read
			t.Fatal(err)
		}
	}
	if dialled != 1 {
		t.Errorf("%d connections: a deadline of the last read is none of the next one", dialled)
	}
	tr.CloseIdleConnections()
	timeout = time.Millisecond
	for _, path := range []string{"/", "/never"} { // on a connection that has waited, and on one that has not
		ask(tr, get(url+path))
		_, err := tr.RoundTrip(get(url + "/never"))
		if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
			t.Errorf("%v is no timeout", err)
		}
	}
}

// A head that the system does not take at once is sent whole.
func TestLongHead(t *testing.T) {
	const n = 32 << 20
	waits := make(chan struct{})
	s := serve(t, func(_ int, c net.Conn, _ *bufio.Reader) {
		for range 2 {
			<-waits
			req, err := http.ReadRequest(bufio.NewReader(c))
			if err != nil {
				return
			}
			text := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
			if v := req.Header.Get("Long"); len(v) != n || strings.Trim(v, "x") != "" {
				text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	})
	tr, dialled := transport(t, nil)
	defer tr.CloseIdleConnections()
	for range 2 {
		req := get("http://" + s.Addr().String())
		req.Header.Set("Long", strings.Repeat("x", n))
		go func() { waits <- struct{}{} }()
		if g := ask(tr, req); g.Body != "ok" {
			t.Fatalf("%+v", g)
		}
	}
	if dialled.Load() != 1 {
		t.Errorf("%d connections", dialled.Load())
	}
}

// Who has left gets no response, also if it comes before the exchange is watched for that.
func TestCancelledBeforeWatched(t *testing.T) {
	here, answer := make(chan struct{}), make(chan struct{})
	s := serve(t, func(_ int, c net.Conn, br *bufio.Reader) {
		for {
			if _, err := readRequest(br); err != nil {
				return
			}
			here <- struct{}{}
			<-answer
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	tr, _ := transport(t, nil)
	defer tr.CloseIdleConnections()
	why := errors.New("the client has left")
	for range 5 {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-here
			cancel(why)
			answer <- struct{}{}
		}()
		if g, cause := ask(tr, get("http://"+s.Addr().String()).WithContext(ctx)), why.Error(); g.Failed != cause {
			t.Errorf("%+v", g)
		}
	}
}
