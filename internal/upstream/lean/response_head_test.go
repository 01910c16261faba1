package lean

import (
	"bufio"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// responseHeads are what FuzzHead begins with.
var responseHeads = []string{
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nserver: nginx\r\nDate: Sun, 29 Nov 2026 10:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\nConnection: keep-alive\r\n\r\nhello",
	"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nuntil the end",
	"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nend",
	"HTTP/1.1 200 OK\r\nConnection: Keep-Alive, x\r\nContent-Length: 3\r\n\r\nend",
	"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\nConnection: close\r\nContent-Length: 3\r\n\r\nend",
	"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nend",
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nend",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n5;x=y\r\nhello\r\n3\r\nyou\r\n0\r\nX: y\r\nZ: z\r\n\r\nmore",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n \r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\nX: y\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\nX: y\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 005\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\n Content-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nX: a\r\n\tb\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello",
	"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nX: a\x7fb\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nX: \xff\xc3\xbc\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nX:   a \t \r\nY:\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\n: a\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nX y: a\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nx_y: a\r\nx~y: b\r\nX-1-a: c\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nSet-Cookie: c=3\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nPragma: no-cache\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
	"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n",
	"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
	"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1200 OK\r\nContent-Length: 0\r\n\r\n",
	"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 O\tK\x01\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
	"HTTP/1.1 200 OK\r\n\r",
	"HTTP/1.1 200 OK",
	"",
	"garbage",
	"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 5000) + "\r\nContent-Length: 1\r\n\r\n1",
}

// whole is a response as its reader sees it.
type whole struct {
	resp    http.Response
	body    string
	bodyErr string
	left    string // what follows on the connection
}

// take reads the response, and what is left behind it.
func take(br *bufio.Reader, resp *http.Response) whole {
	body, err := io.ReadAll(resp.Body)
	w := whole{resp: *resp, body: string(body)} // behind the body, with which trailers come
	if err != nil {
		w.bodyErr = err.Error()
	}
	left, _ := io.ReadAll(br)
	w.left = string(left)
	w.resp.Body = nil
	return w
}

// sameHead compares readHead with http.ReadResponse. The bytes come at once, and one by one.
func sameHead(t *testing.T, text, method string) {
	t.Helper()
	req := &http.Request{Method: method}
	theirs := bufio.NewReader(strings.NewReader(text))
	want, wantErr := http.ReadResponse(theirs, req)
	for name, r := range map[string]io.Reader{"at once": strings.NewReader(text), "one by one": &oneByOne{text}} {
		ours := bufio.NewReader(r)
		got, err := readHead(ours, req, new(http.Response))
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%s %q, %s: %v, http.ReadResponse: %v", method, text, name, err, wantErr)
		}
		if err != nil {
			continue
		}
		if got.Body == nil { // as the transport does
			switch {
			case bodyless(got):
				got.Body = http.NoBody
			case got.TransferEncoding != nil:
				got.Body = newChunked(ours, got)
			default:
				got.Body = &sized{br: ours, left: got.ContentLength}
			}
		}
		if name == "at once" {
			a, b := take(ours, got), take(theirs, want) // no copies: trailers come with the body
			if !reflect.DeepEqual(a, b) {
				t.Fatalf("%s %q:\n%+v\nhttp.ReadResponse:\n%+v", method, text, a, b)
			}
		} else if !reflect.DeepEqual(got.Header, want.Header) || got.Status != want.Status || got.ContentLength != want.ContentLength {
			t.Fatalf("%s %q, %s:\n%+v\nhttp.ReadResponse:\n%+v", method, text, name, got, want)
		}
	}
}

// oneByOne gives out one byte at a time.
type oneByOne struct{ text string }

func (o *oneByOne) Read(p []byte) (int, error) {
	if o.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:1], o.text)
	o.text = o.text[n:]
	return n, nil
}

var methods = []string{"GET", "HEAD", "POST"}

func TestHead(t *testing.T) {
	for _, text := range responseHeads {
		for _, method := range methods {
			sameHead(t, text, method)
		}
	}
}

// The usual heads do not go through http.ReadResponse.
func TestUsualHead(t *testing.T) {
	for i, text := range responseHeads[:3] {
		head, _, _ := strings.Cut(text, "\r\n\r\n")
		if !parseHead([]byte(head+"\r\n"), &http.Request{Method: "GET"}, new(http.Response)) {
			t.Errorf("head %d is not a usual one", i)
		}
	}
}

func FuzzHead(f *testing.F) {
	for _, text := range responseHeads {
		f.Add(text, byte(0))
	}
	f.Fuzz(func(t *testing.T, text string, method byte) {
		sameHead(t, text, methods[int(method)%len(methods)])
	})
}
