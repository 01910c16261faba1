package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// load is a number of connections that ask for one path again and again. It speaks
// HTTP/1.1 by hand: net/http's client would take more of the core than the server.
type load struct {
	port     string
	path     string
	body     string
	clients  int
	duration time.Duration
	ask      func(c *conn) error // another request than a GET; nil: a GET
	once     bool                // each request has a connection of its own
}

type result struct {
	requests int
	rate     float64       // requests/s
	cpu      time.Duration // that the server has spent on a request; 0: not known
	p50, p99 time.Duration
}

func (r result) String() string {
	line := fmt.Sprintf("%9.0f requests/s   p50 %-10v p99 %-10v", r.rate, r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond))
	if r.cpu > 0 {
		line += fmt.Sprintf(" CPU %.1fµs", float64(r.cpu.Nanoseconds())/1000)
	}
	return strings.TrimSpace(line)
}

// run drives the server for the duration and checks every answer.
func (l *load) run(ctx context.Context) (result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	start := time.Now()
	end := start.Add(l.duration)
	for range l.clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			took, err := l.connection(ctx, end)
			if err != nil {
				cancel(err)
			}
			mu.Lock()
			all = append(all, took...)
			mu.Unlock()
		}()
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return result{}, err
	}
	if len(all) == 0 {
		return result{}, fmt.Errorf("GET %s: no answer within %v", l.path, l.duration)
	}
	elapsed := time.Since(start)
	slices.Sort(all)
	return result{
		requests: len(all),
		rate:     float64(len(all)) / elapsed.Seconds(),
		p50:      all[len(all)/2],
		p99:      all[len(all)*99/100],
	}, nil
}

func (l *load) connection(ctx context.Context, end time.Time) (took []time.Duration, err error) {
	ask := l.ask
	if ask == nil {
		ask = func(c *conn) error { return c.get(l.path, l.body) }
	}
	var c *conn
	defer func() {
		if c != nil {
			c.close()
		}
	}()
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		if c == nil {
			if c, err = dial(ctx, l.port); err != nil {
				return nil, err
			}
		}
		if err := ask(c); err != nil {
			return nil, err
		}
		if l.once {
			c.close()
			c = nil
		}
		after := time.Now()
		took = append(took, after.Sub(now))
		now = after
	}
	return took, nil
}

// conn is one keep-alive connection.
type conn struct {
	net.Conn
	r    *bufio.Reader
	stop func() bool
	body []byte
}

func dial(ctx context.Context, port string) (*conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+port)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 2048), stop: stop}, nil
}

func (c *conn) close() {
	c.stop()
	_ = c.Close()
}

// get asks for path; the answer must be 200 with this body.
func (c *conn) get(path, body string) error {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"); err != nil {
		return err
	}
	return c.answer("GET "+path, body)
}

// post sends a body to path, the second half of it when rest is closed; the answer must be 200 with
// this body.
func (c *conn) post(ctx context.Context, path, body string, rest <-chan struct{}) error {
	half := strings.Repeat("x", 500)
	if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", path, 2*len(half), half); err != nil {
		return err
	}
	select {
	case <-rest:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if _, err := io.WriteString(c, half); err != nil {
		return err
	}
	return c.answer("POST "+path, body)
}

// answer reads the answer to a request, which must be 200 with this body.
func (c *conn) answer(request, body string) error {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		text := bytes.Clone(line)
		resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(text), c.r)), nil)
		if err != nil {
			return fmt.Errorf("%s answered %q", request, text)
		}
		body, _ := io.ReadAll(resp.Body)
		return &statusError{request: request, status: resp.StatusCode, body: body}
	}
	length, chunked := -1, false
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
		chunked = chunked || bytes.EqualFold(name, []byte("Transfer-Encoding")) && bytes.EqualFold(value, []byte("chunked"))
	}
	switch {
	case chunked:
		if c.body, err = io.ReadAll(httputil.NewChunkedReader(c.r)); err != nil {
			return err
		}
		if _, err := c.r.Discard(len("\r\n")); err != nil { // the trailer, which is empty
			return err
		}
	case length < 0:
		return fmt.Errorf("%s answered without a length", request)
	default:
		c.body = slices.Grow(c.body[:0], length)[:length]
		if _, err := io.ReadFull(c.r, c.body); err != nil {
			return err
		}
	}
	if string(c.body) != body {
		return fmt.Errorf("%s answered %q, %q expected", request, c.body, body)
	}
	return nil
}

// statusError is an answer with another status than 200.
type statusError struct {
	request string
	status  int
	body    []byte
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answered %d: %s", e.request, e.status, e.body)
}
