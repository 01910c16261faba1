package integration_test

import (
	"fmt"
	"slices"
	"strings"
)

// rawRequests are odd HTTP/1.1 requests, as the bytes of a connection. Behind most comes
// one more, which a server sees that agrees about where the first one ends.
func rawRequests() (list []string) {
	add := func(heads ...string) { list = append(list, heads...) }
	const next = "GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	post := func(lines, body string) string {
		return "POST /a HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n" + body
	}

	// How long is the body? Each way of saying it, before bodies that it may mean.
	bodies := []string{"", "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "hello"}
	for _, framing := range []string{
		"Transfer-Encoding: chunked", "Transfer-Encoding: Chunked", "Transfer-Encoding:chunked", "Transfer-Encoding: chunked ",
		"Transfer-Encoding : chunked", "Transfer-Encoding: \tchunked", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity",
		"Transfer-Encoding: identity", "Transfer-Encoding: identity, chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", "Transfer-Encoding: \"chunked\"",
		"Transfer-Encoding: chunked;q=1", "Transfer-Encoding:\r\n chunked", "Transfer-Encoding: \x0bchunked", "Transfer_Encoding: chunked",
		" Transfer-Encoding: chunked", "X: y\nTransfer-Encoding: chunked", "Transfer-Encoding: ", "Transfer-Encoding: ,chunked", "Transfer\x00-Encoding: chunked",
		"Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5", "Content-Length: 0\r\nTransfer-Encoding: chunked",
		"Content-Length: 5\r\nTransfer-Encoding: identity",
		"Content-Length: 5", "Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5\r\nContent-Length: 0", "Content-Length: 5, 5", "Content-Length: +5",
		"Content-Length: -5", "Content-Length: 0x5", "Content-Length: 05", "Content-Length: 5 ", "Content-Length: 5;", "Content-Length: ", "Content-Length : 5",
		"Content-Length: 5\x00", "Content-Length:\r\n 5", "Content-Length: 99999999999999999999", "Content-Length: 0", "Content_Length: 5",
	} {
		for _, body := range bodies {
			add(post(framing+"\r\n", body) + next)
		}
	}

	// Chunks
	for _, body := range []string{
		"5;a=b\r\nhello\r\n0\r\n\r\n", "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "05\r\nhello\r\n0\r\n\r\n",
		"0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "5\r\nhello0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n",
		"5\rhello\r0\r\r", "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n", "\r\nhello\r\n0\r\n\r\n", "G\r\nhello\r\n0\r\n\r\n",
		"5;\x00\r\nhello\r\n0\r\n\r\n", "5;" + strings.Repeat("x", 5000) + "\r\nhello\r\n0\r\n\r\n", "5;a\n\r\nhello\r\n0\r\n\r\n",
		"5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n", "5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n", "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"5\r\nhello\r\n0\r\nHost: b\r\n\r\n", "5\r\nhello\r\n0\r\nno trailer\r\n\r\n", "5\r\nhello\r\n0\r\n X: folded\r\n\r\n", "5\r\nhello\r\n0\r\nX: 1\n\n",
		"5\r\nhello\r\n0;ext\r\n\r\n", "5\r\nhello\r\n00000\r\n\r\n", "5\r\nhello\r\n0\n\n", "5\r\nhello\r\n0\r\n", "5\r\nhell",
		"5\r\nhello\r\n0\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 20) + "\r\n",
	} {
		add(post("Transfer-Encoding: chunked\r\n", body)+next,
			post("Trailer: X-Trailer\r\nTransfer-Encoding: chunked\r\n", body)+next)
	}

	// Heads
	for _, lines := range []string{
		"X: a\r\n b\r\n", "X: a\r\n\tb\r\n", " X: a\r\n", "X : a\r\n", "X\t: a\r\n", ": a\r\n", "X\r\n", "X: \x00\r\n", "X\x00: a\r\n", "X: a\rb\r\n", "X: a\nY: b\r\n",
		"X: \x7f\r\n", "X: \xff\r\n", "\xff: a\r\n", "X[]: a\r\n", "Host: b\r\n", "Host:\r\n", "Host: a\r\n", "Host: a:b:c\r\n", "Host: a/b\r\n", "Host: a b\r\n",
		"Host: \r\n", "Expect: 100-continue\r\n", "Expect: 200-ok\r\n", "Expect: 100-continue, x\r\n",
		"Connection: close\r\n", "Connection: keep-alive, X\r\nX: a\r\n", "Connection: Content-Length\r\n", "Connection: Transfer-Encoding\r\n", "Connection: Host\r\n",
		"Connection: Upgrade\r\n", "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", "Connection: Upgrade\r\nUpgrade: websocket\r\n",
		"Connection: Upgrade\r\nUpgrade: refused\r\n", "Upgrade: websocket\r\n", "Connection: upgrade, close\r\nUpgrade: websocket\r\n", "TE: trailers\r\n", "TE: chunked\r\nConnection: TE\r\n",
		"Trailer: Content-Length\r\n", "Proxy-Connection: keep-alive\r\n", "Keep-Alive: timeout=5\r\n", "Proxy: http://b\r\n",
		"X-Forwarded-For: 1.2.3.4\r\n", "X-HTTP-Method-Override: DELETE\r\n", "X-Original-Url: /b\r\n", "Cookie: a=b\r\nCookie: c=d\r\n", "Range: bytes=0-0\r\n", "If-None-Match: *\r\n",
		"X: " + strings.Repeat("y", 100_000) + "\r\n", strings.Repeat("X: y\r\n", 2000), "X: " + strings.Repeat("y", 2_000_000) + "\r\n",
	} {
		add("GET /a HTTP/1.1\r\nHost: a\r\n"+lines+"\r\n"+next,
			post(lines+"Content-Length: 5\r\n", "hello")+next,
			post(lines+"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")+next)
	}

	// First lines
	for _, line := range []string{
		"GET http://b/a HTTP/1.1", "GET http://a:80/a HTTP/1.1", "GET https://a/a HTTP/1.1", "GET http://b HTTP/1.1", "GET a HTTP/1.1", "GET //b/a HTTP/1.1", "GET /a b HTTP/1.1",
		"GET * HTTP/1.1", "OPTIONS * HTTP/1.1", "OPTIONS /a HTTP/1.1", "CONNECT a:443 HTTP/1.1", "CONNECT /a HTTP/1.1", "GET a:443 HTTP/1.1", "TRACE /a HTTP/1.1", "HEAD /a HTTP/1.1",
		"PRI * HTTP/2.0", "GET /a HTTP/1.0", "POST /a HTTP/1.0", "GET /a HTTP/0.9", "GET /a", "GET /a HTTP/1.2", "GET /a HTTP/2.0", "GET /a HTTP/1.10", "GET /a http/1.1", "GET /a HTTP/11",
		"get /a HTTP/1.1", "G\x00T /a HTTP/1.1", "GET\t/a HTTP/1.1", "GET  /a HTTP/1.1", " GET /a HTTP/1.1", "GET /a  HTTP/1.1", "GET /\x00a HTTP/1.1", "GET /a\x80 HTTP/1.1", "GET /%00 HTTP/1.1",
		"GET /%zz HTTP/1.1", "GET /a#b HTTP/1.1", "GET /a?b=%zz HTTP/1.1", "GET /a/../b HTTP/1.1", "GET /a%2f..%2fb HTTP/1.1", "GET \\a HTTP/1.1", "GET /\\a HTTP/1.1", "GET /a;b HTTP/1.1",
		"M-SEARCH /a HTTP/1.1", "X! /a HTTP/1.1", "X(Y) /a HTTP/1.1", strings.Repeat("X", 300) + " /a HTTP/1.1", "GET /" + strings.Repeat("a", 100_000) + " HTTP/1.1", "\r\n\r\nGET /a HTTP/1.1",
		"GET /a HTTP/1.1\nX: y", "GET http://u:p@b/a HTTP/1.1", "GET mailto:a HTTP/1.1", "GET ?a HTTP/1.1",
	} {
		add(line+"\r\nHost: a\r\n\r\n"+next, line+"\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"+next, line+"\r\n\r\n"+next)
	}

	// Ends of lines, many requests at once, and early ends
	get := "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
	whole := post("Content-Length: 5\r\n", "hello")
	add(
		strings.ReplaceAll(get, "\r\n", "\n")+next, strings.ReplaceAll(get, "\r\n", "\r")+next, "GET /a HTTP/1.1\r\nHost: a\n\r\n"+next, "GET /a HTTP/1.1\r\nHost: a\r\n\n"+next,
		strings.Repeat(get, 10)+next, strings.Repeat(whole, 10)+next, get+whole+get+next, whole+"\r\n"+next, whole+"\r\n\r\n\r\n"+next, whole+"X"+next, get+"\x00"+next, whole+"  "+next,
		"HTTP/1.1 200 OK\r\n\r\n"+next, "\x16\x03\x01\x02\x00\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\r\n", "X", "GET /a HTTP/1.1\r\nHost: a",
		post("Content-Length: 50\r\n", "hello"), post("Content-Length: 50\r\nExpect: 100-continue\r\n", ""), post("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", ""),
		post("Content-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n", "hello"),
		"GET /a HTTP/1.0\r\n\r\n"+next, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"+next, "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"+next,
		"POST /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"+next, "POST /a HTTP/1.0\r\n\r\nhello",
		"HEAD /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"+next, "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"+next,
		"GET /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"+next,
		"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: "+fmt.Sprint(len(get))+"\r\n\r\n"+get+next,
		"POST /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"+next,
		post("Content-Length: "+fmt.Sprint(len(get))+"\r\n", get)+next, post("Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(get), get))+next,
	)
	slices.Sort(list)
	return slices.Compact(list)
}
