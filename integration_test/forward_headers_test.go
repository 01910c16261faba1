package integration_test

import (
	"fmt"
	"strings"
)

func headerCases() (cases []*forwardCase) {
	for i, lines := range [][]string{
		{"X-A: 1", "X-A: 2", "X-a: 3"},
		{"X-Empty:"},
		{"X-Spaces:    a  b   "},
		{"X-Tab: a\tb"},
		{"x-lower: a", "X-UPPER: b", "X-MiXeD-cAsE: c"},
		{"X_Under_Score: a"},
		{"X-Quote: \"a, b\"; c"},
		{"X-Bytes: \xff\xfe\xe9"},
		{"X-Utf8: grüße"},
		{"Cookie: a=b; c=d"},
		{"Cookie: a=b", "Cookie: c=d"},
		{"Authorization: Bearer secret"},
		{"User-Agent: test/1.0"},
		{"User-Agent:"},
		{"User-Agent: a", "User-Agent: b"},
		{"Accept-Encoding: gzip, br"},
		{"Accept-Encoding:"},
		{"Accept-Encoding: identity"},
		{"Range: bytes=0-1"},
		{"Via: 1.0 fred, 1.1 p.example.net"},
		{"Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43"},
		{"X-Real-Ip: 192.0.2.7"},
		{"Te: trailers"},
		{"Te: gzip"},
		{"Te: trailers, deflate;q=0.5"},
		{"Pragma: no-cache"},
		{"Cache-Control: no-cache", "If-None-Match: \"x\", W/\"y\""},
		{"Content-Type: text/plain"},
		{"Content-Encoding: gzip"},
		{"Early-Data: 1"},
		{"Upgrade-Insecure-Requests: 1"},
		{"Idempotency-Key: k"},
		{"X-Long: " + strings.Repeat("long ", 4000)},
		{"Origin: null", "Referer: http://a/?b#c"},
		{"Max-Forwards: 3"},
		{"Date: Tue, 15 Nov 1994 08:12:31 GMT"},
		{"Priority: u=1"},
		{"Incremental: ?1"},
	} {
		cases = append(cases, &forwardCase{
			name:          fmt.Sprintf("header %d %.30q", i, strings.Join(lines, "|")),
			clientRequest: clientRequest{head: lines}, answer: fine, want: "fine",
		})
	}
	// What only HTTP/1.1 can say.
	for i, lines := range [][]string{
		{"Connection: close"},
		{"Connection: keep-alive"},
		{"Connection: X-Hop, keep-alive", "X-Hop: a", "X-Stays: b"},
		{"Connection: x-hop", "Connection: X-Hop2", "X-Hop: a", "X-Hop2: b"},
		{"Connection: close, X-Forwarded-For", "X-Forwarded-For: 192.0.2.1"},
		{"Connection: Host"},
		{"Connection:"},
		{"Connection: TE", "TE: trailers"},
		{"Keep-Alive: timeout=5"},
		{"Proxy-Connection: keep-alive"},
		{"Proxy-Authorization: Basic x", "Proxy-Authenticate: y"},
		{"Trailer: X-None"},
		{"Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "Connection: Upgrade, HTTP2-Settings"},
		{"Upgrade: websocket"},
		{"Connection: Upgrade"},
		{"X-Fold: a"},
	} {
		cases = append(cases, &forwardCase{
			name:          fmt.Sprintf("header of HTTP/1.1 %d %.40q", i, strings.Join(lines, "|")),
			clientRequest: clientRequest{head: lines}, protos: []int{1}, answer: fine, want: "fine",
			differ: map[string][]forwardOther{
				"Connection: TE": {{
					ways: scriptWays, from: "Via: 1.1 Caddy\r\n", to: "Te: trailers\r\nVia: 1.1 Caddy\r\n",
					why: "what Connection names is removed before a script runs, but for TE",
				}},
				"Upgrade: h2c": {{
					ways: scriptWays, from: "Connection: Upgrade\r\nUpgrade: h2c\r\n", to: "",
					why: "an upgrade to h2c would take the rest of the connection past the script",
				}},
			}[lines[0]],
		})
	}
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf("X-Many-%d: %d", (i*37)%200, i)
	}
	return append(
		cases,
		&forwardCase{name: "header many", clientRequest: clientRequest{head: many}, answer: fine, want: "X-Many-199: "},
		&forwardCase{name: "header Host with a port", clientRequest: clientRequest{host: "a.example:8080"}, answer: fine, want: "Host: a.example:8080"},
		&forwardCase{name: "header Host in capitals", clientRequest: clientRequest{host: "A.EXAMPLE"}, answer: fine, want: "Host: A.EXAMPLE"},
		&forwardCase{name: "header Host of IPv6", clientRequest: clientRequest{host: "[::1]:80"}, answer: fine, want: "Host: [::1]:80"},
		&forwardCase{name: "header Host of IPv6 with a zone", clientRequest: clientRequest{host: "[fe80::1%25eth0]"}, answer: fine, want: "Host: "},
		&forwardCase{name: "header Host that is odd", clientRequest: clientRequest{host: "a_b..c"}, answer: fine, want: "Host: a_b..c"},
		&forwardCase{name: "header Host that is none", clientRequest: clientRequest{raw: "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"}, answer: fine, want: "400"},
		&forwardCase{name: "header Host that is empty", clientRequest: clientRequest{raw: "GET / HTTP/1.1\r\nHost:\r\n\r\n"}, answer: fine, want: "HTTP/1.1"},
		&forwardCase{name: "header Host missing over HTTP/1.0", clientRequest: clientRequest{raw: "GET / HTTP/1.0\r\nX-A: b\r\n\r\n"}, answer: fine, want: "Via: 1.0 Caddy"},
	)
}

// passedOn is what becomes of a target that is no path.
var passedOn = []forwardOther{{ways: scriptWays, to: `"rp_hostport":null`, why: "no route is for it: it goes on to the next handler"}}

func targetCases() (cases []*forwardCase) {
	for _, target := range []string{
		"/", "/a", "/a/", "/a//b", "//a", "///", "/a/./b", "/a/../b", "/..", "/a%2Fb", "/a%2fb", "/%2e%2e/a", "/a%5Cb", "/a%20b", "/a+b",
		"/%41", "/%C3%A9", "/a;b=c", "/a;b", "/a:b@c", "/a,b(c)!*'$&=~", "/a|b", "/a\"b", "/a^b`c", "/a{b}", "/a[b]", "/a%00b", "/a%0Ab", "/a%25b", "/%",
		"/%zz", "/?", "/a?", "/??", "/a?b?c", "/a?b=c&d=e", "/a?b=%2F%3F", "/a?b=+%20", "/a?;b", "/a?%zz", "/a?b=c#d", "/a?x=\"y\"", "/a?[b]={c}", "/a?b=|", "/" + strings.Repeat("long/", 1500),
		"*",
	} {
		cases = append(cases, &forwardCase{
			name:          fmt.Sprintf("target %.40s", target),
			clientRequest: clientRequest{raw: "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n"}, answer: fine, want: "HTTP/1.1 ",
			differ: map[string][]forwardOther{"*": passedOn}[target],
		})
	}
	for _, target := range []string{"/a%2Fb?c=%2F", "/a//b?", "/a;b?;", "/?", "/a%20b", "/%C3%A9?%C3%A9", "/a?b=c&b=d"} {
		cases = append(cases, &forwardCase{
			name: "target over all protocols " + target, clientRequest: clientRequest{target: target}, answer: fine, want: "fine",
		})
	}
	for _, line := range []string{
		"GET http://other.example/a?b HTTP/1.1", "GET http://other.example HTTP/1.1", "GET https://other.example:1/a HTTP/1.1", "GET http://u:p@other.example/a HTTP/1.1",
		"OPTIONS * HTTP/1.1", "GET /a HTTP/1.0", "GET ?a HTTP/1.1", "GET a HTTP/1.1", "CONNECT other.example:443 HTTP/1.1", "CONNECT /a HTTP/1.1", "GET /a  HTTP/1.1", "GET /\xff HTTP/1.1", "GET /é HTTP/1.1",
	} {
		cases = append(cases, &forwardCase{
			name:          "target line " + line,
			clientRequest: clientRequest{raw: line + "\r\nHost: localhost\r\n\r\n"}, answer: fine, want: "HTTP/1.",
			differ: map[string][]forwardOther{
				"CONNECT other.example:443 HTTP/1.1": passedOn,
				"CONNECT /a HTTP/1.1":                {{ways: []string{"ctx"}, to: "Connection: close", why: "what a handler waits for behind a CONNECT may be no HTTP"}},
			}[line],
		})
	}
	return cases
}

func forwardedCases() (cases []*forwardCase) {
	for i, lines := range [][]string{
		{},
		{"X-Forwarded-For: 192.0.2.1"},
		{"X-Forwarded-For: 192.0.2.1, 192.0.2.2", "X-Forwarded-For: 192.0.2.3"},
		{"X-Forwarded-For:"},
		{"X-Forwarded-For: nonsense"},
		{"X-Forwarded-Proto: https"},
		{"X-Forwarded-Proto: https", "X-Forwarded-Proto: gopher"},
		{"X-Forwarded-Host: a.example"},
		{"X-Forwarded-Host: a.example", "X-Forwarded-Host: b.example"},
		{"X-Forwarded-Port: 81", "X-Forwarded-Prefix: /x"},
		{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: a.example", "Forwarded: for=192.0.2.9"},
		{"Connection: X-Forwarded-Proto", "X-Forwarded-Proto: https"},
	} {
		for _, trusted := range []bool{false, true} {
			cases = append(cases, &forwardCase{
				name:          fmt.Sprintf("forwarded %d, trusted %v", i, trusted),
				clientRequest: clientRequest{head: lines}, trusted: trusted, protos: []int{1}, answer: fine, want: "X-Forwarded-For: ",
			})
		}
		cases = append(cases, &forwardCase{
			name: fmt.Sprintf("forwarded %d, trusted by the block", i), block: "trusting",
			clientRequest: clientRequest{head: lines}, protos: []int{1}, answer: fine, want: "X-Forwarded-For: ",
		})
	}
	return cases
}

// badClientCases are requests that may not come through.
func badClientCases() (cases []*forwardCase) {
	for i, rest := range []string{
		"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Content-Length: 4\r\nContent-Length: 5\r\n\r\nsome!",
		"Content-Length: 4\r\nContent-Length: 4\r\n\r\nsome",
		"Content-Length: +4\r\n\r\nsome",
		"Content-Length: 4, 4\r\n\r\nsome",
		"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: identity\r\n\r\nsome",
		"Transfer-Encoding: Chunked\r\n\r\n4\r\nsome\r\n0\r\n\r\n",
		"X-Fold: a\r\n b\r\n\r\n",
		"X-Nul: a\x00b\r\n\r\n",
		"X-Cr: a\rb\r\n\r\n",
		"X Space: a\r\n\r\n",
		"X-Space : a\r\n\r\n",
		": a\r\n\r\n",
		"no colon\r\n\r\n",
	} {
		cases = append(cases, &forwardCase{
			name:          fmt.Sprintf("bad request %d %.50q", i, rest),
			clientRequest: clientRequest{raw: "POST /a HTTP/1.1\r\nHost: localhost\r\n" + rest},
			up: func(c *upConn) {
				for c.next() {
					c.say(fine)
				}
			}, want: "HTTP/1.1", log: []string{"bytes_read"},
		})
	}
	for _, bad := range []string{"zz\r\nmore\r\n", "4\nmore\n", "-1\r\nmore\r\n", "fffffffffffffffff\r\nmore\r\n"} {
		cases = append(cases, &forwardCase{
			name: fmt.Sprintf("bad chunk %q", bad), protos: []int{1}, client: func(r *run) {
				s := r.begin(clientRequest{method: "POST", chunked: true, body: "some"}).(*h1sending)
				s.write("some")
				r.wait("asked")
				_, _ = s.to.Write([]byte(bad))
				if s.headOf() {
					s.rest()
				}
				s.leave()
				r.wait("read") // the answer may be there before the upstream has what came first
			}, up: func(c *upConn) {
				if c.head() {
					c.reach("asked")
					c.body()
					c.reach("read")
				}
			}, want: "HTTP/1.1 502", log: []string{"bytes_read", "resp_headers"}, chance: closing,
			differ: []forwardOther{{ways: scriptWays, to: "HTTP/1.1 400 Bad Request", why: "a body that the client has broken is no fault of the upstream"}},
		})
	}
	return cases
}
