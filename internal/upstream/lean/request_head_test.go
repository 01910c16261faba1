package lean

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// theirHead returns what http.Transport writes as the head of a request.
func theirHead(t *testing.T, req *http.Request) (string, error) {
	t.Helper()
	ours, server := net.Pipe()
	got := make(chan string, 1)
	go func() {
		defer server.Close()
		var head bytes.Buffer
		p := make([]byte, 1)
		for !bytes.HasSuffix(head.Bytes(), []byte("\r\n\r\n")) {
			if _, err := server.Read(p); err != nil {
				break
			}
			head.Write(p)
		}
		got <- head.String()
	}()
	rt := &http.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return ours, nil },
		DisableCompression: true,
	}
	_, err := rt.RoundTrip(req)
	ours.Close()
	head := <-got
	if head != "" {
		return head, nil
	}
	return "", err
}

type headCase struct {
	method, target, host, name, value, agent string
	body                                     int
	close                                    bool
}

func (c headCase) request() *http.Request {
	u, err := url.ParseRequestURI(c.target)
	if err != nil || u.Host == "" && u.Opaque == "" && !strings.HasPrefix(c.target, "/") {
		return nil
	}
	u.Scheme, u.Host, u.User = "http", "upstream.example", nil
	req := &http.Request{Method: c.method, URL: u, Host: c.host, Close: c.close, Header: http.Header{c.name: {c.value, "second"}, "X-Last": {" b "}}}
	if c.agent != "absent" {
		req.Header["User-Agent"] = []string{c.agent}
	}
	switch {
	case c.body > 0:
		req.ContentLength = int64(c.body)
		req.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", c.body)))
	case c.body < 0:
		req.ContentLength = -1
		req.TransferEncoding = []string{"chunked"}
		req.Body = io.NopCloser(strings.NewReader("x"))
	}
	return req
}

func sameRequestHead(t *testing.T, c headCase) {
	t.Helper()
	req := c.request()
	if req == nil {
		return
	}
	body, ok := framingOf(req)
	if !ok {
		t.Fatalf("%+v: not for us", c)
	}
	got, err := appendHead(nil, req, body, "")
	want, wantErr := theirHead(t, c.request())
	if (err == nil) != (want != "") {
		t.Fatalf("%+v: %v, http.Transport: %v", c, err, wantErr)
	}
	if err == nil && string(got) != want {
		t.Fatalf("%+v:\n%q\nhttp.Transport:\n%q", c, got, want)
	}
}

var requestHeads = []headCase{
	{method: "GET", target: "/", host: "example.com", name: "Accept", value: "*/*", agent: "curl/8"},
	{method: "", target: "/", host: "example.com:8080", name: "Accept", value: "", agent: ""},
	{method: "POST", target: "/a%2Fb?c=d&e", host: "", name: "Content-Type", value: "text/plain", agent: "absent", body: 5},
	{method: "POST", target: "/", host: "[::1]:80", name: "Content-Length", value: "7", agent: "absent", body: 5},
	{method: "PUT", target: "/", host: "[fe80::1%25eth0]", name: "Transfer-Encoding", value: "gzip", agent: "a"},
	{method: "PATCH", target: "/ä", host: "münchen.example", name: "X-Ü", value: "ü", agent: "ü"},
	{method: "DELETE", target: "/x?", host: "a b", name: "Host", value: "other", agent: " trimmed\t"},
	{method: "OPTIONS", target: "*", host: "example.com", name: "x-lower", value: " spaces ", agent: "a"},
	{method: "GET", target: "http://example.com/absolute", host: "h", name: "Connection", value: "close", agent: "a", close: true},
	{method: "GET", target: "/", host: "h", name: "Connection", value: "keep-alive", agent: "a", close: true},
	{method: "GET", target: "/", host: "h", name: "X", value: "a\r\nY: b", agent: "a"},
	{method: "GET", target: "/", host: "h", name: "X", value: "a\nb", agent: "a"},
	{method: "GET", target: "/", host: "h", name: "X", value: "a\rb", agent: "a"},
	{method: "GET", target: "/", host: "h", name: "X", value: "a\x00b", agent: "a"},
	{method: "GET", target: "/", host: "h", name: "X", value: "a\tb\x7f", agent: "a"},
	{method: "GET", target: "/", host: "h", name: "X y", value: "a", agent: "a"},
	{method: "GET", target: "/", host: "h", name: "", value: "a", agent: "a"},
	{method: "GET", target: "/", host: "h", name: "X", value: "a", agent: "a\r\nb"},
	{method: "G ET", target: "/", host: "h", name: "X", value: "a", agent: "a"},
	{method: "GÉT", target: "/", host: "h", name: "X", value: "a", agent: "a"},
	{method: "GET", target: "//double", host: "h/../x", name: "X", value: "a", agent: "a"},
	{method: "GET", target: "/", host: "h\r\nX: y", name: "X", value: "a", agent: "a"},
	{method: "GET", target: "/", host: "h", name: "X", value: "a", agent: " "},
	{method: "POST", target: "/", host: "h", name: "X", value: "a", agent: "a", body: -1},
	{method: "GET", target: "/", host: "h", name: "Trailer", value: "X", agent: "a", body: -1},
}

func TestRequestHead(t *testing.T) {
	for _, c := range requestHeads {
		sameRequestHead(t, c)
	}
}

// Headers come by their names, as many as there are.
func TestManyHeaders(t *testing.T) {
	req := headCase{method: "GET", target: "/", host: "h", name: "A", value: "a", agent: "a"}.request()
	for i := range 100 {
		req.Header[http.CanonicalHeaderKey("X-"+strings.Repeat("z", 100-i))] = []string{"1", "2"}
	}
	got, err := appendHead(nil, req, framing{}, "")
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := theirHead(t, req); string(got) != want {
		t.Errorf("%q\nhttp.Transport:\n%q", got, want)
	}
}

func FuzzRequestHead(f *testing.F) {
	for _, c := range requestHeads {
		f.Add(c.method, c.target, c.host, c.name, c.value, c.agent, c.body, c.close)
	}
	f.Fuzz(func(t *testing.T, method, target, host, name, value, agent string, body int, closes bool) {
		if method == http.MethodConnect || len(name) > 1000 || body > 1<<20 {
			return // http.Transport has a way of its own for CONNECT
		}
		sameRequestHead(t, headCase{method, target, host, name, value, agent, max(min(body, 100), -1), closes})
	})
}
