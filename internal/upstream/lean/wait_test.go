package lean

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
)

// Who waits for a response keeps no buffers: neither of what was sent nor to read into.
func TestWaitingTakesNoBuffers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	var one [256]byte
	got := make(chan struct{})
	var server sync.WaitGroup
	server.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns = append(conns, c)
			if _, err := c.Read(one[:]); err == nil { // the request, which gets no answer
				got <- struct{}{}
			}
		}
	})
	tr := New(&http.Transport{})
	heap := func() int64 {
		for range 4 { // pools keep what they hold through two
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before := heap()
	const n = 300
	var clients sync.WaitGroup
	for range n {
		clients.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.Addr().String()+"/", nil)
			if err != nil {
				t.Error(err)
				return
			}
			if resp, err := tr.RoundTrip(req); err == nil {
				resp.Body.Close()
				t.Error("there is a response")
			}
		})
		<-got
	}
	each := (heap() - before) / n
	t.Logf("%d bytes", each)
	if each > 4<<10 {
		t.Errorf("one that waits takes %d bytes, of both sides", each)
	}
	cancel()
	clients.Wait()
	l.Close()
	server.Wait()
	for _, c := range conns {
		c.Close()
	}
}

// A response that comes in pieces, the first of them before anybody waits for it, is read whole.
func TestAwaitLosesNothing(t *testing.T) {
	more := make(chan struct{})
	s := serve(t, func(_ int, c net.Conn, br *bufio.Reader) {
		for range 2 {
			if _, err := readRequest(br); err != nil {
				return
			}
			for _, piece := range []string{"H", "TTP/1.1 200 OK\r\nContent-Len", "gth: 2\r\n\r\n", "o", "k"} {
				if _, err := c.Write([]byte(piece)); err != nil {
					return
				}
				<-more
			}
		}
	})
	tr := New(&http.Transport{})
	go func() {
		for range 10 {
			more <- struct{}{}
		}
	}()
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr().String()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		var body [8]byte
		n := 0
		for err == nil {
			var read int
			read, err = resp.Body.Read(body[n:])
			n += read
		}
		if string(body[:n]) != "ok" {
			t.Errorf("the body is %q", body[:n])
		}
	}
	tr.CloseIdleConnections()
	s.Close()
	s.all.Wait()
}
