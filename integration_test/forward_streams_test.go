package integration_test

import (
	"fmt"
	"strconv"
	"strings"
)

// twice sends two requests, one behind the answer of the other.
func twice(a, b clientRequest) func(*run) {
	return func(r *run) {
		r.do(a)
		r.do(b)
	}
}

// connectionCases are about connections to the upstream that are used again, or are not.
func connectionCases() (cases []*forwardCase) {
	get, post := clientRequest{target: "/first"}, clientRequest{method: "POST", target: "/first", body: "some"}
	for _, next := range []clientRequest{{target: "/second"}, {method: "HEAD", target: "/second"}, {method: "POST", target: "/second", body: "other"}, {method: "POST", target: "/second"}} {
		name := next.methodOr() + " '" + next.body + "'"
		second := fine
		known := []int{1, 2, 3}
		if next.method != "POST" {
			known = []int{1, 2} // HTTP/3 says of no request that it has no body
		}
		if next.method == "HEAD" {
			second = message("200 OK", "Content-Length: 4")
		}
		cases = append(cases,
			&forwardCase{name: "connection used again, " + name, client: twice(get, next), answer: second, up: answering(fine, second), want: "/second", chance: used},
			&forwardCase{name: "connection used again behind a POST, " + name, client: twice(post, next), up: answering(fine, second), want: "/second", chance: used},
			&forwardCase{name: "connection used again behind chunks, " + name, client: twice(get, next), up: answering(streamed()+chunks("a")+"0\r\n\r\n", second), want: "/second", chance: used},
			&forwardCase{name: "connection used again behind no body, " + name, client: twice(get, next), up: answering(message("204 No Content"), second), want: "/second", chance: used},
			&forwardCase{name: "connection used again behind a 304, " + name, client: twice(get, next), up: answering(message("304 Not Modified", "Content-Length: 9"), second), want: "/second", chance: used},
			&forwardCase{name: "connection not used again behind Connection: close, " + name, client: twice(get, next), up: answering(ok("fine", "Connection: close"), second), want: "/second"},
			&forwardCase{name: "connection not used again behind HTTP/1.0, " + name, client: twice(get, next), up: answering(strings.Replace(fine, "1.1", "1.0", 1), second), want: "/second"},
			&forwardCase{name: "connection used again behind HTTP/1.0, " + name, client: twice(get, next), up: answering(strings.Replace(ok("fine", "Connection: keep-alive"), "1.1", "1.0", 1), second), want: "/second", chance: used},
			// The upstream closes it when the next request is there: that is sent once more if it may be.
			&forwardCase{name: "connection that is stale, " + name, protos: known, reuses: true, client: twice(get, next), up: func(c *upConn) {
				for n := 0; c.next() && (c.n > 0 || n == 0); n++ {
					if c.last[:4] == "HEAD" {
						c.say(second)
					} else {
						c.say(fine)
					}
				}
			}, want: "/second"},
			&forwardCase{name: "connection that is stale and resets, " + name, protos: known, reuses: true, client: twice(get, next), up: func(c *upConn) {
				for n := 0; c.next(); n++ {
					if c.n == 0 && n == 1 {
						c.drop()
						return
					}
					if c.last[:4] == "HEAD" {
						c.say(second)
					} else {
						c.say(fine)
					}
				}
			}, want: "/second"},
			&forwardCase{name: "connection without keep-alive, " + name, block: "keepalive", client: twice(get, next), up: answering(fine, second), want: "Connection: close"},
		)
	}
	for _, method := range []string{"GET", "HEAD"} {
		answer := map[string]string{"GET": fine, "HEAD": message("200 OK", "Content-Length: 4")}[method]
		cases = append(cases, &forwardCase{
			name: "connection that is stale over HTTP/3, " + method, protos: []int{3}, reuses: true,
			client: twice(get, clientRequest{method: method, target: "/second"}), up: func(c *upConn) {
				for n := 0; c.next() && (c.n > 0 || n == 0); n++ {
					if c.last[:4] == "HEAD" {
						c.say(answer)
					} else {
						c.say(fine)
					}
				}
			}, want: "502, length", log: []string{"bytes_read"},
			differ: []forwardOther{{
				ways: []string{"rover_lean", "lean", "ctx"}, to: "upstream, connection:\n" + method + " /second",
				why: "HTTP/3 does not say that a request has no body: who looks may send it once more",
			}},
		})
	}
	cases = append(cases,
		&forwardCase{name: "connection that is stale, with an Idempotency-Key", reuses: true, client: twice(get, clientRequest{method: "POST", target: "/second", head: []string{"Idempotency-Key: a"}}), up: func(c *upConn) {
			for n := 0; c.next() && (c.n > 0 || n == 0); n++ {
				c.say(fine)
			}
		}, want: "/second"},
		// Whoever looks before use sees that it is closed. http.Transport may not have yet.
		&forwardCase{name: "connection that was closed while idle, POST", ways: []string{"lean", "ctx", "rover_lean"}, client: func(r *run) {
			r.do(get)
			r.wait("closed")
			r.do(clientRequest{method: "POST", target: "/second", body: "other"})
		}, up: closesIdle, want: "body: \"other\""},
		&forwardCase{name: "connection that was closed while idle, GET", protos: []int{1, 2}, client: func(r *run) {
			r.do(get)
			r.wait("closed")
			r.do(clientRequest{target: "/second"})
		}, up: closesIdle, want: "/second"},
		&forwardCase{name: "connection with a second answer in the packet", ways: []string{"lean", "ctx", "rover_lean"}, client: twice(get, clientRequest{target: "/second"}), up: func(c *upConn) {
			for c.next() {
				if c.n == 0 {
					c.say(ok("first"), ok("nobody's"))
					continue
				}
				c.say(ok("second"))
			}
		}, want: "second", never: "nobody's"},
		&forwardCase{name: "connection with a second answer before the next request", ways: []string{"lean", "ctx", "rover_lean"}, client: func(r *run) {
			r.do(get)
			r.reach("first")
			r.wait("said")
			r.do(clientRequest{target: "/second"})
		}, up: func(c *upConn) {
			for c.next() {
				if c.n == 0 {
					c.say(ok("first"))
					c.wait("first")
					c.say(ok("nobody's"))
					c.reach("said")
					continue
				}
				c.say(ok("second"))
			}
		}, want: "second", never: "nobody's"},
		&forwardCase{name: "connection with a body behind a HEAD", client: func(r *run) {
			r.do(clientRequest{method: "HEAD", target: "/first"})
			r.wait("closed")
			r.do(clientRequest{target: "/second"})
		}, up: func(c *upConn) {
			if c.n > 0 {
				answering(ok("second"))(c)
				return
			}
			if c.next() {
				c.say(ok("nobody's"))
				c.gone()
				c.reach("closed")
			}
		}, want: "second", never: "nobody's"},
		&forwardCase{name: "connection with a body behind a 204", client: func(r *run) {
			r.do(get)
			r.wait("closed")
			r.do(clientRequest{target: "/second"})
		}, up: func(c *upConn) {
			if c.n > 0 {
				answering(ok("second"))(c)
				return
			}
			if c.next() {
				c.say(message("204 No Content", "Content-Length: 8"), "nobody's")
				c.gone()
				c.reach("closed")
			}
		}, want: "second", never: "nobody's"},
		// With one connection at most the second request waits for the first one's, or opens none.
		&forwardCase{name: "connection that is the only one", block: "onlyone", client: twice(get, clientRequest{target: "/second"}), up: answering(fine), want: "/second", chance: used},
	)
	return cases
}

// streamCases are answers in pieces, and answers beside uploads.
func streamCases() (cases []*forwardCase) {
	drip := func(name, block string, head string, piece func(int) string, end string, seen func(int) string) {
		cases = append(cases, &forwardCase{name: "stream: " + name, block: block, client: func(r *run) {
			s := r.begin(clientRequest{target: "/stream"})
			s.finish()
			if !s.headOf() {
				return
			}
			for i := range 5 {
				s.read(len(seen(i)))
				r.reach(strconv.Itoa(i))
			}
			s.rest()
		}, up: func(c *upConn) {
			if !c.next() {
				return
			}
			c.say(head)
			for i := range 5 {
				c.say(piece(i))
				c.wait(strconv.Itoa(i)) // the client has it
			}
			c.say(end)
		}, want: "read: "})
	}
	event := func(i int) string { return fmt.Sprintf("data: %d\n\n", i) }
	cases = append(cases,
		&forwardCase{name: "stream: nothing in chunks", client: headThenEnd, up: func(c *upConn) { nothing(c, streamed(), "0\r\n\r\n") }, want: "Transfer-Encoding: chunked"},
		&forwardCase{name: "stream: nothing until the end", client: headThenEnd, up: func(c *upConn) { nothing(c, "HTTP/1.1 200 OK\r\n\r\n", "") }, want: "Transfer-Encoding: chunked"},
	)
	drip("events", "", streamed("Content-Type: text/event-stream"), func(i int) string { return chunks(event(i)) }, "0\r\n\r\n", event)
	drip("events with a type of two parts", "", message("200 OK", "Content-Type: text/event-stream; charset=utf-8", "Transfer-Encoding: chunked"), func(i int) string { return chunks(event(i)) }, "0\r\n\r\n", event)
	drip("events until the end", "", message("200 OK", "Content-Type: text/event-stream"), event, "", event)
	drip("events of known length", "", message("200 OK", "Content-Type: text/event-stream", "Content-Length: 45"), event, "", event)
	drip("pieces", "", streamed(), func(i int) string { return chunks(event(i)) }, "0\r\n\r\n", event)
	drip("pieces and trailers", "", streamed("Trailer: X-Sum"), func(i int) string { return chunks(event(i)) }, "0\r\nX-Sum: 1\r\n\r\n", event)
	drip("pieces of known length, flushed", "flush", message("200 OK", "Content-Type: text/plain", "Content-Length: 45"), event, "", event)
	cases = append(cases,
		&forwardCase{name: "informed", answer: message("103 Early Hints", "Link: </a.css>; rel=preload", "X-A: b") + message("103 Early Hints", "Link: </b.css>") + fine, want: "103 Early Hints"},
		&forwardCase{name: "informed by 102", answer: message("102 Processing") + fine, want: "HTTP/1.1 102"},
		&forwardCase{name: "informed by 100", answer: message("100 Continue") + fine, want: "fine"},
		&forwardCase{name: "informed by 199", answer: message("199 Odd", "X-A: b") + fine, want: "HTTP/1.1 199"},
		&forwardCase{name: "informed with headers that are not to be passed on", answer: message("103 Early Hints", "Link: </a>", "Connection: X-Hop", "X-Hop: a", "Keep-Alive: b") + fine, want: "103 Early Hints"},
		&forwardCase{name: "informed, POST", clientRequest: clientRequest{method: "POST", body: "some"}, answer: message("103 Early Hints", "Link: </a>") + fine, want: "103 Early Hints"},
		&forwardCase{name: "informed, and nobody's body", answer: message("103 Early Hints", "Link: </a>") + message("204 No Content"), want: "204"},
		&forwardCase{name: "informed before the end", client: func(r *run) {
			s := r.begin(clientRequest{})
			s.finish()
			if r.proto == 1 {
				line, _ := s.(*h1sending).in.Peek(12)
				r.note("first %q", line)
				r.reach("informed")
			}
			if s.headOf() {
				s.rest()
			}
		}, protos: []int{1}, up: func(c *upConn) {
			if c.next() {
				c.say(message("103 Early Hints", "Link: </a>"))
				c.wait("informed")
				c.say(fine)
				c.next()
			}
		}, want: "first \"HTTP/1.1 103"},
	)
	early := func(name, answer string, chunked, closes bool) {
		cases = append(cases, &forwardCase{name: "early answer: " + name, client: func(r *run) {
			a := clientRequest{method: "POST", body: mebibyte, chunked: chunked}
			s := r.begin(a)
			s.write(mebibyte[:1000])
			all := make(chan struct{})
			go func() { // net/http looks for what comes before it answers over HTTP/1.1
				defer close(all)
				s.write(mebibyte[1000:])
				s.finish()
			}()
			if s.headOf() {
				s.read(8)
			}
			s.leave()
			<-all
		}, up: func(c *upConn) {
			if c.head() {
				c.say(answer)
				if closes {
					c.shut()
				}
				_, _ = c.in.WriteTo(discard{})
			}
		}, want: "read: \"too much\"", log: []string{"bytes_read", "size", "resp_headers"}, chance: closing})
	}
	refused := message("413 Content Too Large", "Content-Type: a/b", "Content-Length: 8") + "too much"
	early("of known length", refused, false, false)
	early("of known length, and the end", refused, false, true)
	early("of known length, upload in chunks", refused, true, false)
	early("in chunks", message("413 Content Too Large", "Content-Type: a/b", "Transfer-Encoding: chunked")+chunks("too much")+"0\r\n\r\n", false, false)
	early("that closes", strings.Replace(refused, "Content-Length", "Connection: close\r\nContent-Length", 1), true, true)
	return append(cases,
		&forwardCase{name: "echo in pieces", client: func(r *run) {
			s := r.begin(clientRequest{method: "POST", body: "1234", chunked: true})
			s.write("1")
			if !s.headOf() {
				return
			}
			for _, piece := range []string{"1", "2", "3", "4"} {
				s.read(1)
				if piece != "4" {
					s.write(string(piece[0] + 1))
				}
			}
			s.finish()
			s.rest()
		}, protos: []int{2, 3}, up: func(c *upConn) {
			if !c.head() {
				return
			}
			c.say(streamed())
			for {
				size, err := c.in.ReadString('\n')
				if err != nil || size == "0\r\n" {
					break
				}
				chunk, _ := c.in.Peek(3)
				c.say(chunks(string(chunk[:1])))
				_, _ = c.in.Discard(3)
			}
			_, _ = c.in.ReadString('\n')
			c.say("0\r\n\r\n")
		}, want: "read: \"4\""},
	)
}

// headThenEnd lets the upstream end its answer when the head is there: which of both a client sees
// first would be a matter of time otherwise.
func headThenEnd(r *run) {
	s := r.begin(clientRequest{})
	s.finish()
	if s.headOf() {
		r.reach("head")
		s.rest()
	}
}

func nothing(c *upConn, head, end string) {
	if c.next() {
		c.say(head)
		c.wait("head")
		c.say(end)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// closesIdle answers one request, and closes the connection when it is idle; others are fine.
func closesIdle(c *upConn) {
	if c.n > 0 {
		answering(fine)(c)
		return
	}
	if c.next() {
		c.say(fine)
		_ = c.Close()
		c.reach("closed")
	}
}
