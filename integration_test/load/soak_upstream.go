package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// badUpstream is a server that does with each request what its X-Do says.
type badUpstream struct {
	net.Listener
	wg sync.WaitGroup
}

func startBadUpstream() (*badUpstream, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	u := &badUpstream{Listener: l}
	u.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			u.wg.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for serveBadly(c.(*net.TCPConn), in) {
				}
			})
		}
	})
	return u, nil
}

// stop waits until the proxy has closed the connections: it is gone already.
func (u *badUpstream) stop() {
	_ = u.Close()
	u.wg.Wait()
}

// serveBadly serves one request, and reports whether the connection stays.
func serveBadly(c *net.TCPConn, in *bufio.Reader) bool {
	r, err := http.ReadRequest(in)
	if err != nil {
		return false
	}
	do, id := r.Header.Get("X-Do"), r.Header.Get("X-Id")
	body := answerBody(do, id)
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Id: " + id + "\r\n"
	say := func(parts ...string) bool {
		_, err := io.WriteString(c, strings.Join(parts, ""))
		return err == nil
	}
	sized := fmt.Sprintf("%sContent-Length: %d\r\n", head, len(body))
	half := body[:len(body)/2]
	switch do {
	case "early":
		if !say(sized, "\r\n", body) {
			return false
		}
		_, err := io.Copy(io.Discard, r.Body)
		return err == nil
	case "post":
		if got, err := io.ReadAll(r.Body); err != nil || string(got) != id {
			return false // 502, of which there are too many then
		}
		return say(sized, "\r\n", body)
	case "head":
		return say(sized, "\r\n")
	case "empty":
		return say("HTTP/1.1 204 No Content\r\nX-Id: ", id, "\r\n\r\n")
	case "unchanged":
		return say("HTTP/1.1 304 Not Modified\r\nEtag: \"1\"\r\nContent-Length: 1000\r\nX-Id: ", id, "\r\n\r\n")
	case "chunked":
		return say(head, "Transfer-Encoding: chunked\r\n\r\n", chunk(half), chunk(body[len(half):]), "0\r\n\r\n")
	case "hints":
		return say("HTTP/1.1 103 Early Hints\r\nLink: </", id, ".css>\r\n\r\n", sized, "\r\n", body)
	case "slow":
		time.Sleep(rand.N(50 * time.Millisecond))
		return say(sized, "\r\n", body)
	case "drip":
		say(head, "Transfer-Encoding: chunked\r\n\r\n")
		for piece := range strings.SplitAfterSeq(body, " ") {
			if piece != "" && !say(chunk(piece)) {
				return false
			}
			time.Sleep(rand.N(3 * time.Millisecond))
		}
		return say("0\r\n\r\n")
	case "close":
		say(sized, "Connection: close\r\n\r\n", body)
		return false
	case "until-close":
		say(head, "Connection: close\r\n\r\n", body)
		return false
	case "shut": // and does not say so
		say(sized, "\r\n", body)
		return false
	case "late": // while the next request may be on its way
		say(sized, "\r\n", body)
		time.Sleep(rand.N(5 * time.Millisecond))
		return false
	case "double": // the second one is nobody's
		return say(sized, "\r\n", body, strings.Replace(sized, "X-Id: ", "X-Id: nobody ", 1), "\r\n", body)
	case "reset":
		_ = c.SetLinger(0)
		return false
	case "half-head":
		say(head)
		return false
	case "garbage":
		say("I am no HTTP server\r\n\r\n")
		return false
	case "cut":
		say(sized, "\r\n", half)
		return false
	case "cut-chunked":
		say(head, "Transfer-Encoding: chunked\r\n\r\n", chunk(half))
		return false
	}
	return say(sized, "\r\n", body)
}

func chunk(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
