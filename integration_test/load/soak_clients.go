package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"
)

// soakPatience is how long an answer may take: no answer by then is a lost one.
const soakPatience = time.Minute

// overH1 sends one request after the other on a connection, as long as the server keeps it.
func (s *soak) overH1(wait func() bool, r *rand.Rand) {
	var c *soakConn
	defer func() { c.close() }()
	for wait() {
		a := s.next(r)
		if c == nil {
			var err error
			if c, err = dialSoak(s.h1); err != nil {
				s.note("HTTP/1", a, "", err)
				continue
			}
		}
		outcome, keep, err := c.send(a, r)
		s.note("HTTP/1", a, outcome, err)
		if !keep {
			c.close()
			c = nil
		}
	}
}

type soakConn struct {
	net.Conn
	r *bufio.Reader
}

func dialSoak(port string) (*soakConn, error) {
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return nil, err
	}
	return &soakConn{c, bufio.NewReader(c)}, nil
}

func (c *soakConn) close() {
	if c != nil {
		_ = c.Close()
	}
}

// send sends a request and reads its answer; keep reports whether the connection may have another.
func (c *soakConn) send(a asked, r *rand.Rand) (outcome string, keep bool, err error) {
	_ = c.SetDeadline(time.Now().Add(soakPatience))
	body := a.requestBody()
	head := fmt.Sprintf("%s /%s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Do: %s\r\nX-Id: %s\r\n", a.method, a.way, a.name, a.id)
	if a.body {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	var sendErr error
	sent := make(chan struct{})
	send := func() {
		defer close(sent)
		_, sendErr = io.WriteString(c, head+"\r\n"+body)
	}
	if len(body) > 4<<10 { // the answer may come first
		go send()
	} else {
		send()
	}
	if a.leaves {
		_ = c.SetReadDeadline(time.Now().Add(rand.N(30 * time.Millisecond)))
		_, _ = c.r.Peek(1 + r.IntN(100))
		<-sent
		return left, false, sendErr
	}
	resp, err := http.ReadResponse(c.r, &http.Request{Method: a.method})
	for err == nil && resp.StatusCode < 200 {
		resp, err = http.ReadResponse(c.r, &http.Request{Method: a.method})
	}
	if err != nil {
		c.close()
		<-sent
		return "", false, fmt.Errorf("no answer: %w", err)
	}
	outcome, err = a.read(resp)
	if outcome == cut || err != nil || resp.Close {
		c.close()
		<-sent
		return outcome, false, err
	}
	if <-sent; sendErr != nil {
		return outcome, false, fmt.Errorf("sending: %w", sendErr)
	}
	if n := c.r.Buffered(); n > 0 {
		return "", false, fmt.Errorf("%d bytes behind the answer", n)
	}
	return outcome, true, nil
}

// read reads the body of an answer, and returns what has become of the request.
func (a asked) read(resp *http.Response) (string, error) {
	got := answer{status: resp.StatusCode, id: strings.Join(resp.Header["X-Id"], ",")}
	if resp.StatusCode == http.StatusNotModified {
		_ = resp.Body.Close()
		resp.Body = http.NoBody // net/http's client waits for one over HTTP/2, if there is a length
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "", fmt.Errorf("behind %d bytes of the body: %w", len(text), err)
	}
	got.body, got.err = string(text), err
	return a.outcome(got)
}

// overH2 sends requests over HTTP/2, some at once.
func (s *soak) overH2(wait func() bool, r *rand.Rand) {
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	t := &http.Transport{Protocols: protocols, DisableCompression: true}
	defer t.CloseIdleConnections()
	atOnce := make(chan struct{}, 8)
	for wait() {
		a := s.next(r)
		atOnce <- struct{}{}
		go func() {
			defer func() { <-atOnce }()
			outcome, err := s.sendH2(t, a)
			s.note("HTTP/2", a, outcome, err)
		}()
	}
	for range cap(atOnce) {
		atOnce <- struct{}{}
	}
}

func (s *soak) sendH2(t *http.Transport, a asked) (string, error) {
	patience := soakPatience
	if a.leaves {
		patience = rand.N(30 * time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var body io.Reader
	if a.body {
		body = strings.NewReader(a.requestBody())
	}
	req, err := http.NewRequestWithContext(ctx, a.method, "http://127.0.0.1:"+s.h2c+"/"+a.way, body)
	if err != nil {
		return "", err
	}
	req.Header = http.Header{"X-Do": {a.name}, "X-Id": {a.id}}
	resp, err := t.RoundTrip(req)
	switch {
	case a.leaves && err == nil:
		_, _ = io.CopyN(io.Discard, resp.Body, 10)
		_ = resp.Body.Close()
		return left, nil
	case a.leaves:
		return left, nil
	case err != nil:
		return "", fmt.Errorf("no answer: %w", err)
	}
	return a.read(resp)
}
