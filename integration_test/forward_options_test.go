package integration_test

import "strings"

// silent answers nothing.
func silent(c *upConn) {
	if c.next() {
		c.gone()
		c.reach("gone")
	}
}

// untilGone is the client of silent. The proxy's answer may be there before silent has read, or has
// even accepted: it would have seen nothing.
func untilGone(a clientRequest) func(*run) {
	return func(r *run) {
		r.do(a)
		r.wait("gone")
	}
}

// blockCases are options of reverse_proxy and of the proxy block.
func blockCases() []*forwardCase {
	post := clientRequest{method: "POST", target: "/a%2Fb?c", body: "some"}
	zipped := string(gzipped([]byte(strings.Repeat("hello ", 100))))
	return []*forwardCase{
		{name: "headers", block: "headers", clientRequest: clientRequest{head: []string{"X-Removed: a", "X-Replaced: a c a", "X-More: less"}}, answer: ok("fine", "X-Secret: a", "X-More: less"), want: "Host: up.example"},
		{name: "headers of a request without them", block: "headers", answer: fine, want: "X-Status: 200"},
		{name: "rewrite", block: "rewrite", clientRequest: clientRequest{target: "/a%2Fb?c=d"}, answer: fine, want: "PUT /other/a/b?c=d"},
		{name: "rewrite with a body", block: "rewrite", clientRequest: post, answer: fine, want: "PUT /other/a/b?c"},
		{name: "response that is replaced", block: "response", answer: message("500 Oh", "X-Why: because", "Content-Length: 4") + "body", want: "replaced 500 500 Oh because", never: "body\""},
		{name: "response that is copied", block: "response", answer: message("203 Other", "X-A: b", "Content-Length: 4") + "body", want: "X-Copied: 203"},
		{name: "response whose status is replaced", block: "response", answer: message("404 Gone away", "X-A: b", "Content-Length: 4") + "body", want: "410"},
		{name: "response that stays", block: "response", answer: fine, want: "fine"},
		{name: "buffers, body of known length", block: "buffers", clientRequest: post, answer: fine, want: "fine"},
		{name: "buffers, body in chunks", block: "buffers", clientRequest: clientRequest{method: "POST", body: "some", chunked: true}, answer: streamed() + chunks("a", "b") + "0\r\n\r\n", want: "ab"},
		{name: "buffers, large bodies", block: "buffers", clientRequest: clientRequest{method: "POST", body: mebibyte, chunked: true}, answer: ok(mebibyte), want: "200 OK"},
		{name: "buffers, a body that is cut", block: "buffers", up: func(c *upConn) {
			if c.next() {
				c.say(message("200 OK", "Content-Type: a/b", "Content-Length: 100"), "half")
			}
		}, want: "HTTP/1.1"},
		{name: "small buffers", block: "small", clientRequest: clientRequest{method: "POST", body: mebibyte[:100_000]}, answer: ok(mebibyte[:100_000], "X-Long: "+strings.Repeat("x", 3000)), want: "200 OK"},
		{name: "small buffers, and a large head", block: "small", answer: ok("body", "X-Long: "+strings.Repeat("x", 5000)), want: "502"},
		{name: "small buffers, and large hints", block: "small", answer: strings.Repeat(message("103 Early Hints", "X-Long: "+strings.Repeat("x", 3000)), 5) + fine, want: "HTTP/1.1 103"},
		{name: "head that is slow", block: "timeout", client: untilGone(clientRequest{}), up: silent, want: "504"},
		{name: "head that is slow, POST", block: "timeout", client: untilGone(post), up: silent, want: "504"},
		{name: "head that is in time", block: "patient", clientRequest: post, answer: fine, want: "fine"},
		{name: "read that is slow", block: "reads", client: untilGone(clientRequest{}), up: silent, want: "504"},
		{name: "read that is slow, POST", block: "reads", client: untilGone(post), up: silent, want: "504"},
		{name: "read that is slow in a body", block: "reads", up: func(c *upConn) {
			if c.next() {
				c.say(message("200 OK", "Content-Type: a/b", "Content-Length: 100"), "half")
				c.gone()
			}
		}, want: "cut"},
		{name: "trace", block: "trace", clientRequest: clientRequest{head: []string{"Traceparent: 00-" + traceID + "-00000000000000a1-01", "Tracestate: a=b"}}, answer: ok("fine", "Traceparent: 00-"+traceID+"-00000000000000a1-01"), want: "Traceparent: 00-" + traceID + "-SPAN-01"},
		{name: "trace of a POST", block: "trace", clientRequest: clientRequest{method: "POST", body: "some", head: []string{"Traceparent: 00-" + traceID + "-00000000000000a1-01"}}, answer: fine, want: "Traceparent: 00-" + traceID + "-SPAN-01"},
		{name: "trace that begins here", block: "trace", answer: fine, want: "Traceparent: 00-TRACE-SPAN-01"},
		{name: "trace whose upstream breaks off", block: "trace", clientRequest: clientRequest{head: []string{"Traceparent: 00-" + traceID + "-00000000000000a1-01"}}, up: func(c *upConn) { c.next() }, want: "502"},
		{name: "encode", block: "encode", clientRequest: clientRequest{head: []string{"Accept-Encoding: gzip"}}, answer: ok(strings.Repeat("hello ", 1000)), want: "Content-Encoding: gzip"},
		{name: "encode what is encoded", block: "encode", clientRequest: clientRequest{head: []string{"Accept-Encoding: gzip"}}, answer: ok(zipped, "Content-Encoding: gzip"), want: "Content-Encoding: gzip"},
		{name: "encode, and a cut body", block: "encode", clientRequest: clientRequest{head: []string{"Accept-Encoding: gzip"}}, up: func(c *upConn) {
			if c.next() {
				c.say(message("200 OK", "Content-Type: text/plain", "Content-Length: 100"), "half")
			}
		}, want: "cut"},
		{name: "compressed for the proxy", answer: ok(zipped, "Content-Encoding: gzip"), want: "hello hello"},
		{name: "compressed for the proxy in chunks", answer: streamed("Content-Encoding: gzip", "Etag: \"z\"") + chunks(zipped[:10], zipped[10:]) + "0\r\n\r\n", want: "hello hello"},
		{name: "compressed for the proxy, a lie", answer: ok("no gzip", "Content-Encoding: gzip"), want: "200 OK"},
		{name: "compressed for the proxy, nothing", answer: ok("", "Content-Encoding: gzip"), want: "200 OK"},
		{name: "compressed for the proxy, cut", up: func(c *upConn) {
			if c.next() {
				c.say(streamed("Content-Encoding: gzip"), chunks(zipped[:20]))
			}
		}, want: "cut"},
		{name: "compressed for the client", clientRequest: clientRequest{head: []string{"Accept-Encoding: gzip"}}, answer: ok(zipped, "Content-Encoding: gzip"), want: "Content-Encoding: gzip"},
		{name: "compressed, HEAD", clientRequest: clientRequest{method: "HEAD"}, answer: message("200 OK", "Content-Encoding: gzip", "Content-Length: 10"), want: "Content-Encoding: gzip"},
		{name: "compressed, a range", clientRequest: clientRequest{head: []string{"Range: bytes=0-3"}}, answer: message("206 Partial Content", "Content-Range: bytes 0-3/10", "Content-Length: 4", "Content-Type: a/b") + "part", want: "206"},
		{name: "not compressed", block: "plain", answer: ok(zipped, "Content-Encoding: gzip"), want: "Content-Encoding: gzip"},
		{name: "unix socket", block: "unix", unix: true, clientRequest: post, answer: fine, want: "Host: localhost"},
		{name: "unix socket, nothing", block: "unix", unix: true, up: func(c *upConn) { c.next() }, want: "502"},
		{name: "nobody listens", client: func(r *run) {
			_ = r.up.Close()
			r.do(clientRequest{})
		}, answer: fine, want: "502"},
		{name: "nobody listens, POST", client: func(r *run) {
			_ = r.up.Close()
			r.do(clientRequest{method: "POST", body: "some"})
		}, answer: fine, want: "502"},
		{name: "websocket asked for", protos: []int{1}, client: func(r *run) {
			s := r.begin(clientRequest{head: websocket}).(*h1sending)
			if !s.headOf() {
				return
			}
			for _, text := range []string{"hello", "\x81\x02hi", mebibyte[:100_000]} {
				_, _ = r.conn.Write([]byte(text))
				s.length = len(text)
				s.rest()
			}
		}, up: func(c *upConn) {
			if c.next() {
				c.say(message("101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
				_, _ = c.in.WriteTo(c.Conn)
			}
		}, want: "101 Switching Protocols", log: []string{"bytes_read", "size", "status"}},
		{name: "websocket refused", protos: []int{1}, clientRequest: clientRequest{head: websocket}, answer: message("403 Forbidden", "Content-Length: 2", "Content-Type: a/b") + "no", want: "403"},
		{name: "websocket answered otherwise", protos: []int{1}, clientRequest: clientRequest{head: websocket}, answer: message("101 Switching Protocols", "Connection: Upgrade", "Upgrade: other"), want: "HTTP/1.1 200 OK", differ: []forwardOther{
			{ways: []string{"ctx"}, to: "X-Rp: tcp/127.0.0.1:UP 127.0.0.1 0 0 101", why: "reverse_proxy answers nothing, and the handler does"},
		}},
		{name: "websocket answered by nothing", protos: []int{1}, clientRequest: clientRequest{head: websocket}, up: func(c *upConn) { c.next() }, want: "502"},
	}
}

// traceID is that of a client. Those that are made begin with other digits than 0, and mask says so.
const traceID = "000000000000000000000000000000c1"

var websocket = []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}

// scriptCases are what only a script asks for: it says which upstreams, in what order.
func scriptCases() []*forwardCase {
	post := clientRequest{method: "POST", body: "some"}
	return []*forwardCase{
		{name: "list whose first is dead", block: "list", answer: fine, want: "fine"},
		{name: "list whose first is dead, POST", block: "list", clientRequest: post, answer: fine, want: "body: \"some\""},
		{name: "list whose first is dead, chunks", block: "list", clientRequest: clientRequest{method: "PUT", body: mebibyte, chunked: true}, answer: fine, want: "body, chunked: 1048576 bytes"},
		{name: "list whose second breaks", block: "list", up: func(c *upConn) { c.next() }, want: "502"},
		{name: "list whose second breaks, POST", block: "list", clientRequest: post, up: func(c *upConn) { c.next() }, want: "502"},
		{name: "pick whose first is dead", block: "pick", answer: fine, want: "fine"},
		{name: "pick whose first is dead, POST", block: "pick", clientRequest: post, answer: fine, want: "body: \"some\""},
		{name: "pick whose second breaks", block: "pick", up: func(c *upConn) { c.next() }, want: "502"},
		{name: "nobody of the list listens", block: "nobody", answer: fine, want: "502"},
		{name: "given path, host and headers", block: "given", clientRequest: clientRequest{target: "/a?b", head: []string{"X-Given: no"}}, answer: fine, want: "GET /given%2Fpath?q=1"},
		{name: "given path, host and headers, POST", block: "given", clientRequest: post, answer: fine, want: "X-Forwarded-For: 192.0.2.1"},
		{name: "health, answers that fail", block: "health", client: twice(clientRequest{}, clientRequest{target: "/second"}), answer: message("500 Oh", "Content-Length: 2", "Content-Type: a/b") + "no", want: "503"},
		{name: "health, nobody listens", block: "health", client: func(r *run) {
			_ = r.up.Close()
			r.do(clientRequest{})
			r.do(clientRequest{})
		}, answer: fine, want: "503"},
		{name: "health, an upstream that breaks off", block: "health", client: twice(clientRequest{}, clientRequest{target: "/second"}), up: func(c *upConn) { c.next() }, want: "503"},
		{name: "health, answers that are good", block: "health", client: twice(post, clientRequest{target: "/second"}), up: answering(fine, fine), want: "/second", chance: used},
		{name: "timed head that is slow", block: "timed", client: untilGone(clientRequest{}), up: silent, want: "504"},
		{name: "timed head that is in time", block: "timely", clientRequest: post, answer: fine, want: "fine"},
	}
}
