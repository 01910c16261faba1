package integration_test

import (
	"fmt"
	"slices"
	"strings"
)

func responseCases() (cases []*forwardCase) {
	for _, status := range []string{
		"200 OK", "201 Created", "202 Accepted", "206 Partial Content", "226 IM Used", "299 Whatever", "301 Moved Permanently", "302 Found", "400 Bad Request",
		"401 Unauthorized", "403 Forbidden", "404 Not Found", "405 Method Not Allowed", "418 I'm a teapot", "429 Too Many Requests", "451 Unavailable For Legal Reasons",
		"500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout", "599 Odd", "600 Odder", "999 Oddest", "200 Other words", "200",
	} {
		cases = append(cases, &forwardCase{
			name:   "status " + status,
			answer: message(status, "Content-Type: text/plain", "Content-Length: 4", "X-Why: because") + "body", want: "HTTP/1.1 " + status[:3],
		})
	}
	for i, answer := range []string{
		message("204 No Content"),
		message("204 No Content", "Content-Length: 0"),
		message("204 No Content", "Content-Length: 5"),
		message("204 No Content", "Transfer-Encoding: chunked"),
		message("205 Reset Content", "Content-Length: 0"),
		message("304 Not Modified", "Etag: \"1\""),
		message("304 Not Modified", "Etag: \"1\"", "Content-Length: 100", "Content-Type: text/plain"),
		message("304 Not Modified", "Transfer-Encoding: chunked"),
		message("200 OK", "Content-Length: 0"),
		message("301 Moved Permanently", "Location: /elsewhere?a=%20b", "Content-Length: 0"),
		message("302 Found", "Location: http://other.example/", "Content-Length: 0"),
	} {
		for _, method := range []string{"GET", "POST"} {
			cases = append(cases, &forwardCase{
				name:          fmt.Sprintf("no body %d, %s", i, method),
				clientRequest: clientRequest{method: method}, answer: answer, want: answer[:12],
			})
		}
	}
	for i, lines := range [][]string{
		{"X-A: 1", "X-A: 2", "x-a: 3"},
		{"X-Empty:"},
		{"x-lower: a", "X-UPPER: b", "X_Under: c"},
		{"X-Spaces:    a  b   "},
		{"X-Bytes: \xff\xfe", "X-Utf8: grüße"},
		{"X-Tab: a\tb"},
		{"Set-Cookie: a=b; Path=/", "Set-Cookie: c=d; HttpOnly; Expires=Wed, 21 Oct 2015 07:28:00 GMT"},
		{"Server: other/1"},
		{"Date: Tue, 15 Nov 1994 08:12:31 GMT"},
		{"Via: 1.1 other"},
		{"Connection: keep-alive", "Keep-Alive: timeout=5"},
		{"Connection: close"},
		{"Connection: X-Hop", "X-Hop: a", "X-Stays: b"},
		{"Connection: close, x-hop", "X-Hop: a"},
		{"Connection: Close"},
		{"Connection:"},
		{"Proxy-Authenticate: Basic", "Proxy-Connection: keep-alive"},
		{"Te: trailers", "Trailer: X-None"},
		{"Upgrade: h2c"},
		{"Pragma: no-cache"},
		{"Cache-Control: no-store", "Pragma: no-cache", "Expires: 0"},
		{"Alt-Svc: h3=\":1\""},
		{"X-Long: " + strings.Repeat("long ", 10_000)},
		{"Content-Encoding: br"},
		{"Content-Encoding: gzip"},
		{"X-Why: because of this"},
		{"Strict-Transport-Security: max-age=1"},
		{"Etag: W/\"1\"", "Vary: a", "Vary: b, c"},
		{"Refresh: 0; url=/"},
		{"X-Accel-Buffering: no"},
		{"Content-Type: a/b; c=\"d\""},
		{"Content-Disposition: attachment; filename=\"a b\""},
	} {
		cases = append(cases, &forwardCase{
			name: fmt.Sprintf("answer's header %d %.40q", i, strings.Join(lines, "|")), answer: ok("body", lines...), want: "200 OK",
		})
	}
	many := make([]string, 300)
	for i := range many {
		many[i] = fmt.Sprintf("X-Many-%d: %d", i, i)
	}
	return append(
		cases,
		&forwardCase{name: "answer's header many", answer: ok("body", many...), want: "X-Many-299: 299"},
		&forwardCase{name: "answer without a type", answer: message("200 OK", "Content-Length: 15") + "<html>some</htm", want: "200 OK"},
		&forwardCase{name: "answer of a huge head", answer: ok("body", "X-Huge: "+strings.Repeat("huge ", 100_000)), want: "HTTP/1.1 200"},
		&forwardCase{name: "answer in many packets", up: func(c *upConn) {
			if c.next() {
				for _, b := range []byte(ok("body", "X-A: b")) {
					c.say(string(b))
				}
				c.next()
			}
		}, want: "X-A: b"},
	)
}

// unasked is how a 101 is answered that nobody asked for.
var unasked = []forwardOther{{
	ways: []string{"rover_lean", "lean", "ctx"}, to: "switched protocols, which nobody asked for", why: "reverse_proxy answers an empty 200: a white page",
}}

// framingCases are how an answer says where it ends.
func framingCases() (cases []*forwardCase) {
	var differ []forwardOther
	body := func(name string, answer string, want string) {
		cases = append(cases, &forwardCase{name: "framing: " + name, answer: answer, want: want, differ: differ})
		// The same, and the end of the connection.
		cases = append(cases, &forwardCase{name: "framing: " + name + ", then the end", up: func(c *upConn) {
			if c.next() {
				c.say(answer)
			}
		}, want: want, differ: differ})
	}
	body("chunks", streamed()+chunks("a", "bc", "def")+"0\r\n\r\n", "abcdef")
	body("chunks of odd sizes", streamed()+"01\r\na\r\n0000A\r\n0123456789\r\nb\r\n0123456789b\r\n0\r\n\r\n", "a01234567890123456789b")
	body("chunk extensions", streamed()+"1;x\r\na\r\n2;y=\"z;1\"\r\nbc\r\n0;end=1\r\n\r\n", "abc")
	body("chunk size with spaces", streamed()+"1 \r\na\r\n0\r\n\r\n", "200 OK")
	body("chunks with LF alone", streamed()+"1\na\n0\n\n", "HTTP/1.1")
	body("chunk size of nothing", streamed()+"\r\na\r\n0\r\n\r\n", "cut")
	body("chunk size that is no number", streamed()+"xyz\r\na\r\n0\r\n\r\n", "cut")
	body("chunk size below zero", streamed()+"-1\r\na\r\n0\r\n\r\n", "cut")
	body("chunk size that overflows", streamed()+"10000000000000000\r\na\r\n0\r\n\r\n", "cut")
	body("chunk that is longer than it says", streamed()+"1\r\nab\r\n0\r\n\r\n", "cut")
	body("trailers announced", streamed("Trailer: X-Sum, X-More")+chunks("a")+"0\r\nX-Sum: 42\r\nX-More: b\r\n\r\n", "X-Sum: 42")
	body("trailers unannounced", streamed()+chunks("a")+"0\r\nX-Late: 43\r\n\r\n", "X-Late: 43")
	body("trailers announced and unannounced", streamed("Trailer: X-Sum")+chunks("a")+"0\r\nX-Sum: 42\r\nX-Late: 43\r\n\r\n", "X-Sum: 42")
	body("trailers announced that do not come", streamed("Trailer: X-Sum")+chunks("a")+"0\r\n\r\n", "Trailer: X-Sum")
	body("trailers that are odd", streamed("Trailer: x-lower")+chunks("a")+"0\r\nx-lower:  b \r\nX-Twice: 1\r\nx-twice: 2\r\n\r\n", "200 OK")
	body("trailers that are none", streamed()+chunks("a")+"0\r\nno colon\r\n\r\n", "HTTP/1.1 200")
	body("trailers that may not be", streamed("Trailer: Content-Length")+chunks("a")+"0\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1")
	body("trailers of an empty body", streamed("Trailer: X-Sum")+"0\r\nX-Sum: 42\r\n\r\n", "X-Sum: 42")
	body("chunked in capitals", message("200 OK", "Content-Type: a/b", "Transfer-Encoding: CHUNKED")+chunks("a")+"0\r\n\r\n", "HTTP/1.1")
	body("chunked twice", message("200 OK", "Content-Type: a/b", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked")+chunks("a")+"0\r\n\r\n", "502")
	body("gzip, chunked", message("200 OK", "Content-Type: a/b", "Transfer-Encoding: gzip, chunked")+chunks("a")+"0\r\n\r\n", "502")
	body("identity", message("200 OK", "Content-Type: a/b", "Transfer-Encoding: identity", "Content-Length: 1")+"a", "502")
	body("both chunked and a length", message("200 OK", "Content-Type: a/b", "Content-Length: 3", "Transfer-Encoding: chunked")+chunks("abcdef")+"0\r\n\r\n", "200 OK")
	body("two lengths alike", message("200 OK", "Content-Type: a/b", "Content-Length: 4", "Content-Length: 4")+"body", "200 OK")
	body("two lengths", message("200 OK", "Content-Type: a/b", "Content-Length: 4", "Content-Length: 5")+"body!", "502")
	body("two lengths in a line", message("200 OK", "Content-Type: a/b", "Content-Length: 4, 4")+"body", "HTTP/1.1")
	body("a length that is none", message("200 OK", "Content-Type: a/b", "Content-Length: many")+"body", "502")
	body("a length with a sign", message("200 OK", "Content-Type: a/b", "Content-Length: +4")+"body", "502")
	body("a length below zero", message("200 OK", "Content-Type: a/b", "Content-Length: -4")+"body", "502")
	body("an empty length", message("200 OK", "Content-Type: a/b", "Content-Length:")+"", "HTTP/1.1")
	body("a length that overflows", message("200 OK", "Content-Type: a/b", "Content-Length: 99999999999999999999")+"body", "502")
	body("no reason", "HTTP/1.1 200\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\nbody", "200")
	body("an empty reason", "HTTP/1.1 200 \r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\nbody", "200")
	body("spaces before the reason", "HTTP/1.1 200  OK\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1")
	body("spaces before the status", "HTTP/1.1  200 OK\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1")
	body("a folded header", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Fold: a\r\n\tb\r\n c\r\nContent-Length: 4\r\n\r\nbody", "X-Fold: a b c")
	body("a folded first header", "HTTP/1.1 200 OK\r\n X-Fold: a\r\nContent-Length: 4\r\n\r\nbody", "502")
	body("a head with LF alone", "HTTP/1.1 200 OK\nContent-Type: a/b\nContent-Length: 4\n\nbody", "200 OK")
	body("a head with CR inside", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Cr: a\rb\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1")
	body("a head with NUL inside", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Nul: a\x00b\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1")
	body("a header without a colon", "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 4\r\n\r\nbody", "502")
	body("a header without a name", "HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 4\r\n\r\nbody", "502")
	body("a header name with a space", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX Space: a\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1")
	body("a header name with a space behind", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Space : a\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1")
	body("a header name of other letters", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-\xe9: a\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1")
	for _, line := range []string{
		"HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 -20 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1 000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 +20 OK", "HTTP/1.2 200 OK", "HTTP/2.0 200 OK",
		"HTTP/0.9 200 OK", "HTTP/1 200 OK", "http/1.1 200 OK", "HTTP/1.10 200 OK", "ICY 200 OK", "SSH-2.0-OpenSSH", "", "\x00", " HTTP/1.1 200 OK", "HTTP/1.1\t200\tOK", "HTTP/1.1 200 \xff", "HTTP/1.1 200 a\x00b",
	} {
		want := "HTTP/1.1 "
		if slices.Contains([]string{"HTTP/1.1 000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 +20 OK"}, line) {
			want = "no answer, cut" // no handler may answer so: it panics
			differ = []forwardOther{{ways: []string{"off", "lean", "ctx"}, to: "malformed HTTP status code", why: "reverse_proxy panics, and cuts the client off"}}
		}
		body(fmt.Sprintf("the status line %q", line), line+"\r\nContent-Type: a/b\r\nContent-Length: 4\r\n\r\nbody", want)
		differ = nil
	}
	differ = unasked
	body("switching protocols", message("101 Switching Protocols", "Content-Length: 4")+"body", "200 OK")
	return cases
}

// brokenCases are answers that end too early, or not where they said.
func brokenCases() (cases []*forwardCase) {
	var differ []forwardOther
	broken := func(name, want, said string, end func(*upConn)) {
		for _, method := range []string{"GET", "POST"} {
			r := clientRequest{method: method}
			if method == "POST" {
				r.body = "some"
			}
			cases = append(cases, &forwardCase{name: "broken: " + name + ", " + method, clientRequest: r, up: func(c *upConn) {
				if c.next() {
					c.say(said)
					if end != nil {
						end(c)
					}
				}
			}, want: want, differ: differ})
		}
	}
	broken("nothing", "502", "", nil)
	broken("reset", "502", "", (*upConn).drop)
	broken("half a status line", "502", "HTTP/1.1 20", nil)
	broken("half a head", "502", "HTTP/1.1 200 OK\r\nContent-Le", nil)
	broken("half a head, reset", "502", "HTTP/1.1 200 OK\r\nContent-Le", (*upConn).drop)
	broken("a head without its end", "502", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n", nil)
	broken("no body", "cut", message("200 OK", "Content-Type: a/b", "Content-Length: 1000"), nil)
	broken("half a body", "cut", message("200 OK", "Content-Type: a/b", "Content-Length: 1000")+"half", nil)
	broken("half a large body", "cut", message("200 OK", "Content-Type: a/b", "Content-Length: 200000")+mebibyte[:100_000], nil)
	broken("chunks without an end", "cut", streamed()+chunks("half"), nil)
	broken("half a chunk", "cut", streamed()+"ff\r\nhalf", nil)
	broken("a chunk without its line end", "cut", streamed()+"4\r\nhalf", nil)
	broken("half a chunk size", "cut", streamed()+chunks("half")+"f", nil)
	broken("no end of the trailers", "HTTP/1.1", streamed()+chunks("half")+"0\r\n", nil)
	broken("half a trailer", "HTTP/1.1", streamed("Trailer: X-Sum")+chunks("half")+"0\r\nX-Su", nil)
	broken("an error and a cut body", "cut", message("500 Internal Server Error", "Content-Type: a/b", "Content-Length: 1000")+"half", nil)
	broken("informed, and nothing", "502", message("103 Early Hints", "Link: </a>"), nil)
	broken("asked to continue, and nothing", "502", message("100 Continue"), nil)
	broken("more than it said", "body: \"fine\"", fine+" and more", nil)
	broken("no http", "502", "I am no HTTP server\r\n\r\n", nil)
	broken("html", "502", "<html><body>white page</body></html>", nil)
	differ = unasked
	broken("switched, unasked", "200 OK", message("101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")+"more", (*upConn).gone)
	for _, c := range cases {
		if strings.Contains(c.name, "switched") {
			c.never = "more"
		}
	}
	return cases
}
