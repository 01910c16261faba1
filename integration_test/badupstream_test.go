package integration_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
)

// badUpstreamMain is the badupstream command: a server on the TCP address given, which
// does what a good one never does. It writes bytes, not responses, and closes the
// connection after each. What it can do is in misbehaviours.
func badUpstreamMain() {
	log.SetFlags(0)
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	go func() {
		<-stop
		close(stopped)
		_ = l.Close()
	}()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer conn.Close()
			in := bufio.NewReader(conn)
			r, err := http.ReadRequest(in)
			if err != nil {
				return // a connection that was not used
			}
			misbehave := misbehaviours[r.URL.Path]
			if misbehave == nil {
				log.Printf("nothing of the kind: %s", r.URL)
				return
			}
			misbehave(&badConn{Conn: conn, in: in, r: r})
		}()
	}
}

// badConn is a connection of which the head of one request has been read.
type badConn struct {
	net.Conn
	in *bufio.Reader
	r  *http.Request
}

// say writes lines, with CR LF behind each.
func (c *badConn) say(lines ...string) {
	_, _ = io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n")
}

// ok begins an answer. A type is always there: one that the proxy guesses would depend on
// when the body comes.
func (c *badConn) ok(headers ...string) {
	if !strings.Contains(strings.Join(headers, "\n"), "Content-Type") {
		headers = append(headers, "Content-Type: text/plain")
	}
	c.say(append(append([]string{"HTTP/1.1 200 OK"}, headers...), "")...)
}

// send answers 200 with a body whose length is right, or with none if the request or the
// headers do not allow any.
func (c *badConn) send(body []byte, headers ...string) {
	c.ok(append(headers, "Content-Length: "+strconv.Itoa(len(body)))...)
	if c.r.Method != http.MethodHead {
		_, _ = c.Write(body)
	}
}

// chunk writes one chunk of a chunked body; an empty one would end it.
func (c *badConn) chunk(p []byte) { fmt.Fprintf(c, "%x\r\n%s\r\n", len(p), p) }

// reset makes the close of the connection a TCP reset.
func (c *badConn) reset() { _ = c.Conn.(*net.TCPConn).SetLinger(0) }

// wait waits until somebody asks for /next.
func (c *badConn) wait() {
	select {
	case <-nexts:
	case <-stopped:
	}
}

// misbehaviours by path.
var misbehaviours = map[string]func(*badConn){
	// Bodies that end too early, and the wrong length.
	"/cut/length": func(c *badConn) {
		c.ok("Content-Length: 1000")
		c.say("half")
	},
	"/cut/chunked": func(c *badConn) {
		c.ok("Transfer-Encoding: chunked")
		c.chunk([]byte("half"))
	},
	"/cut/in-chunk": func(c *badConn) {
		c.ok("Transfer-Encoding: chunked")
		c.say("ff", "half")
	},
	"/cut/empty": func(c *badConn) {
		c.ok("Content-Length: 1000")
	},
	"/cut/big": func(c *badConn) {
		c.ok("Content-Length: 200000")
		_, _ = c.Write(make([]byte, 100000))
	},
	"/cut/gzip": func(c *badConn) {
		packed := gzipped([]byte(strings.Repeat("hello ", 1000)))
		c.ok("Content-Encoding: gzip", "Transfer-Encoding: chunked")
		c.chunk(packed[:len(packed)/2])
	},
	"/length/more": func(c *badConn) { // than it said
		c.ok("Content-Length: 5")
		c.say("hello and more")
	},
	"/length/invalid": func(c *badConn) {
		c.ok("Content-Length: many")
		c.say("hello")
	},
	"/length/close": func(c *badConn) { // the end of the connection is the end of the body
		c.ok("Connection: close")
		c.say("until the end")
	},
	"/reset/before": func(c *badConn) { c.reset() },
	"/reset/head": func(c *badConn) {
		c.say("HTTP/1.1 200 OK", "Content-Le")
		c.reset()
	},
	"/reset/after": func(c *badConn) {
		c.ok("Transfer-Encoding: chunked")
		c.chunk([]byte("1\n"))
		c.wait() // the client has it: a reset may overtake what is on its way
		c.reset()
	},
	"/garbage": func(c *badConn) { c.say("I am no HTTP server", "") },

	// A drip waits until the client asks for the next one.
	"/drip": func(c *badConn) {
		c.ok("Content-Type: text/plain", "Transfer-Encoding: chunked")
		for i := 1; i <= 3; i++ {
			c.chunk([]byte(strconv.Itoa(i) + "\n"))
			c.wait()
		}
		c.say("0", "")
	},
	"/next": func(c *badConn) {
		select {
		case nexts <- struct{}{}:
		case <-stopped:
		}
		c.send(nil)
	},

	// An answer before the request's body has been read.
	"/early/open": func(c *badConn) {
		c.say("HTTP/1.1 413 Too Large", "Content-Length: 8", "")
		_, _ = io.WriteString(c, "too much")
		<-stopped // it reads nothing, and keeps the connection
	},
	"/early/close": func(c *badConn) {
		c.say("HTTP/1.1 413 Too Large", "Content-Length: 8", "Connection: close", "")
		_, _ = io.WriteString(c, "too much")
		_ = c.Conn.(*net.TCPConn).CloseWrite()
		<-stopped // closed now, with something unread, it would be a reset
	},

	// Informational responses and trailers.
	"/hints": func(c *badConn) {
		for i := 1; i <= 3; i++ {
			c.say("HTTP/1.1 103 Early Hints", fmt.Sprintf("Link: </%d.css>; rel=preload", i), "")
		}
		c.send([]byte("hinted"))
	},
	"/trailers": func(c *badConn) {
		c.ok("Transfer-Encoding: chunked", "Trailer: X-Sum")
		c.chunk([]byte("body"))
		c.say("0", "X-Sum: 42", "")
	},
	"/trailers/unannounced": func(c *badConn) {
		c.ok("Transfer-Encoding: chunked")
		c.chunk([]byte("body"))
		c.say("0", "X-Late: 43", "")
	},

	// Encodings.
	"/gzip/lies": func(c *badConn) { c.send([]byte("this is not gzip"), "Content-Encoding: gzip") },
	"/gzip/hidden": func(c *badConn) { // gzip that does not say so
		c.send(gzipped([]byte("hello, hello, hello")), "Content-Type: application/gzip")
	},
	"/gzip/split": func(c *badConn) {
		c.ok("Content-Encoding: gzip", "Transfer-Encoding: chunked", "Etag: \"zipped\"")
		for _, b := range gzipped([]byte("hello, hello, hello")) {
			c.chunk([]byte{b})
		}
		c.say("0", "")
	},
	"/gzip/empty":      func(c *badConn) { c.send(gzipped(nil), "Content-Encoding: gzip") },
	"/gzip/nothing":    func(c *badConn) { c.send(nil, "Content-Encoding: gzip") },
	"/gzip/twice":      func(c *badConn) { c.send(gzipped(gzipped([]byte("twice"))), "Content-Encoding: gzip, gzip") },
	"/encoded/both":    func(c *badConn) { c.send(brotlied(gzipped([]byte("both"))), "Content-Encoding: gzip, br") },
	"/encoded/zstd":    func(c *badConn) { c.send(zstded([]byte("hello zstd")), "Content-Encoding: zstd") },
	"/encoded/deflate": func(c *badConn) { c.send(deflated([]byte("hello deflate")), "Content-Encoding: deflate") },
	"/encoded/exotic":  func(c *badConn) { c.send([]byte("???"), "Content-Encoding: exotic") },

	// Bodies.
	"/binary": func(c *badConn) { c.send(allBytes(), "Content-Type: application/octet-stream") },
	"/bytes": func(c *badConn) { // a chunk for each byte
		c.ok("Transfer-Encoding: chunked")
		for _, b := range allBytes() {
			c.chunk([]byte{b})
		}
		c.say("0", "")
	},
	"/empty":     func(c *badConn) { c.send(nil) },
	"/stray/204": func(c *badConn) { c.say("HTTP/1.1 204 No Content", "", "stray") },
	"/stray/304": func(c *badConn) { c.say("HTTP/1.1 304 Not Modified", "Etag: \"1\"", "", "stray") },
	"/stray/head": func(c *badConn) {
		c.ok("Content-Length: 5")
		c.say("stray")
	},
	"/header/huge": func(c *badConn) { c.send([]byte("small"), "X-Huge: "+strings.Repeat("x", 300_000)) },
	"/header/odd":  func(c *badConn) { c.send([]byte("odd"), "X-Empty:", "x-LOWER: a", "X-Lower: b", "X-Utf8: \xc3\xa9") },
	"/status/odd": func(c *badConn) {
		c.say("HTTP/1.1 299 Whatever", "Content-Type: text/plain", "Content-Length: 3", "", "odd")
	},
	"/redirect":   func(c *badConn) { c.say("HTTP/1.1 302 Found", "Location: /elsewhere?a=%20b", "Content-Length: 0", "") },
	"/validators": serveFile,
}

var (
	nexts   = make(chan struct{}) // has a receiver in each drip that waits
	stopped = make(chan struct{}) // closed when the command is to end
)
