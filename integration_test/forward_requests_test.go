package integration_test

import (
	"fmt"
	"slices"
	"strings"
)

// forwardCases are all cases.
func forwardCases() []*forwardCase {
	return slices.Concat(
		methodCases(), bodyCases(), headerCases(), targetCases(), forwardedCases(), badClientCases(),
		responseCases(), framingCases(), brokenCases(), connectionCases(), streamCases(), goneCases(),
		blockCases(), scriptCases(),
	)
}

// The answer of most.
var fine = ok("fine")

// MiB of something that does not repeat at short distances.
var mebibyte = func() string {
	var b strings.Builder
	for i := 0; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, "%d ", i)
	}
	return b.String()[:1<<20]
}()

func methodCases() (cases []*forwardCase) {
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "PURGE", "X-odd.method!"} {
		for _, body := range []string{"", "some"} {
			c := &forwardCase{
				name:          "method " + method + " with the body '" + body + "'",
				clientRequest: clientRequest{method: method, target: "/path?q=1", body: body},
				answer:        fine, want: method + " /path?q=1 HTTP/1.1\r\n",
			}
			cases = append(cases, c)
		}
	}
	for _, method := range []string{"GET", "HEAD", "DELETE", "POST", "PUT", "OPTIONS"} {
		cases = append(cases, &forwardCase{
			name:          "method " + method + " with a body of unknown length",
			clientRequest: clientRequest{method: method, body: "some", chunked: true},
			answer:        strings.TrimSuffix(fine, map[bool]string{true: "fine"}[method == "HEAD"]), want: "body, chunked: \"some\"",
		})
	}
	return append(
		cases,
		&forwardCase{name: "method HEAD", clientRequest: clientRequest{method: "HEAD"}, answer: message("200 OK", "Content-Length: 100", "X-A: b"), want: "Content-Length: 100"},
		&forwardCase{name: "method HEAD, chunked", clientRequest: clientRequest{method: "HEAD"}, answer: message("200 OK", "Transfer-Encoding: chunked", "X-A: b"), want: "X-A: b"},
		&forwardCase{name: "method HEAD, no length", clientRequest: clientRequest{method: "HEAD"}, answer: message("200 OK", "X-A: b"), want: "X-A: b"},
		&forwardCase{name: "method HEAD, no body after all", clientRequest: clientRequest{method: "HEAD"}, answer: message("204 No Content"), want: "204 No Content"},
		&forwardCase{name: "method HEAD answered with a body", clientRequest: clientRequest{method: "HEAD"}, up: func(c *upConn) {
			if c.next() {
				c.say(fine)
				c.gone()
			}
		}, want: "Content-Length: 4", never: "fine"},
		&forwardCase{name: "method in lower case", clientRequest: clientRequest{raw: "get / HTTP/1.1\r\nHost: localhost\r\n\r\n"}, answer: fine, want: "get / HTTP/1.1"},
	)
}

func bodyCases() (cases []*forwardCase) {
	for _, size := range []int{1, 2, 4095, 4096, 32 << 10, 64<<10 + 1, 1 << 20} {
		for _, chunked := range []bool{false, true} {
			for _, method := range []string{"POST", "PUT"} {
				if method == "PUT" && size > 1 && size < 1<<20 {
					continue
				}
				cases = append(cases, &forwardCase{
					name:          fmt.Sprintf("body of %d bytes, chunked %v, %s", size, chunked, method),
					clientRequest: clientRequest{method: method, body: mebibyte[:size], chunked: chunked},
					answer:        fine, want: "fine",
				})
			}
		}
	}
	cases = append(cases, &forwardCase{name: "answer of 0 bytes", answer: ok(""), want: "Content-Length: 0"})
	for _, size := range []int{1, 2, 4095, 4096, 32 << 10, 64<<10 + 1, 1 << 20} {
		cases = append(cases,
			&forwardCase{name: fmt.Sprintf("answer of %d bytes", size), answer: ok(mebibyte[:size]), want: fmt.Sprintf("Content-Length: %d", size)},
			&forwardCase{name: fmt.Sprintf("answer of %d bytes in a chunk", size), answer: streamed() + chunks(mebibyte[:size]) + "0\r\n\r\n", want: "200 OK"},
			&forwardCase{name: fmt.Sprintf("answer of %d bytes until the end", size), up: func(c *upConn) {
				if c.next() {
					c.say(message("200 OK", "Content-Type: text/plain"), mebibyte[:size])
				}
			}, want: "200 OK"},
		)
	}
	post := func(name string, r clientRequest, want string) *forwardCase {
		r.method = "POST"
		return &forwardCase{name: name, clientRequest: r, answer: fine, want: want}
	}
	return append(
		cases,
		post("body of no bytes, chunked", clientRequest{chunked: true}, "body, chunked: \"\""),
		post("body of no bytes, with a length", clientRequest{raw: "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"}, "Content-Length: 0"),
		post("body of a GET of no bytes, with a length", clientRequest{raw: "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"}, "GET / HTTP/1.1"),
		post("body of many chunks", clientRequest{raw: "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"1\r\na\r\n001\r\nb\r\nA\r\n0123456789\r\nfF\r\n" + strings.Repeat("x", 255) + "\r\n0\r\n\r\n"}, "body, chunked: \"ab0123456789xxx"),
		post("body with chunk extensions", clientRequest{raw: "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"4;a=b;c=\"d e\"\r\nsome\r\n0;last\r\n\r\n"}, "body, chunked: \"some\""),
		post("body with trailers", clientRequest{body: "some", chunked: true, trailer: []string{"X-Sum: 42", "X-More: a"}}, "trailer X-Sum: 42"),
		post("body with trailers only", clientRequest{chunked: true, trailer: []string{"X-Sum: 42"}}, "trailer X-Sum: 42"),
		post("body with a trailer that nobody announced", clientRequest{raw: "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"4\r\nsome\r\n0\r\nX-Late: 1\r\n\r\n"}, "body, chunked: \"some\""),
		post("body with a trailer that is announced and does not come", clientRequest{raw: "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
			"4\r\nsome\r\n0\r\n\r\n"}, "body, chunked: \"some\""),
		post("body with a trailer that may be none", clientRequest{raw: "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n" +
			"4\r\nsome\r\n0\r\nContent-Length: 5\r\n\r\n"}, "400"),
		&forwardCase{name: "body of a request with Expect", clientRequest: clientRequest{method: "POST", head: []string{"Expect: 100-continue"}, body: "some"}, answer: fine, want: "Expect: 100-continue"},
		&forwardCase{name: "body of a request with Expect, awaited", protos: []int{1}, client: func(r *run) {
			s := r.begin(clientRequest{method: "POST", head: []string{"Expect: 100-continue"}, body: "some"}).(*h1sending)
			line, _ := s.in.ReadString('\n')
			blank, _ := s.in.ReadString('\n')
			r.note("first %q %q", line, blank)
			s.write("some")
			if s.headOf() {
				s.rest()
			}
		}, answer: fine, want: "first \"HTTP/1.1 100 Continue"},
		&forwardCase{name: "body of a request with Expect, refused", protos: []int{1}, client: func(r *run) {
			s := r.begin(clientRequest{method: "POST", head: []string{"Expect: 100-continue"}, body: "some"}).(*h1sending)
			first, _ := s.in.ReadString('\n')
			blank, _ := s.in.ReadString('\n')
			s.write("some")
			r.reach("asked for the body") // else net/http may not ask, and yet wait for it: see TestScripts/body_expect
			then, _ := s.in.ReadString('\n')
			r.note("%q %q, then %q", first, blank, then)
			s.leave()
		}, up: func(c *upConn) {
			if c.head() {
				c.wait("asked for the body")
				c.say(message("417 Expectation Failed", "Content-Length: 0", "Connection: close"))
				c.shut()
			}
		}, want: "then \"HTTP/1.1 417", log: []string{"bytes_read", "resp_headers", "size", "status"}}, // with Connection: close, as the body may come
		&forwardCase{name: "body of a request with an unknown Expect", clientRequest: clientRequest{raw: "POST / HTTP/1.1\r\nHost: localhost\r\nExpect: magic\r\nContent-Length: 4\r\n\r\nsome"}, answer: fine, want: "417"},
	)
}
