package integration_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/http2"
)

// cmdTunnel asks for a WebSocket over one or all of HTTP/1.1, 2 and 3, and prints the head of
// the answer: tunnel [-h1 | -h2 | -h3] [-closed] /path [Name:value …] [=text | @file …]. HTTP/2
// and 3 do it with an extended CONNECT. Through a tunnel it sends each text, or file with CR
// LF, which the upstream is to send back; with -closed the upstream must then be seen to
// close it. Where the answer is no tunnel it sends them all the same, and prints whatever
// comes until the connection, or the stream, is closed.
func cmdTunnel(ts *testscript.TestScript, _ bool, args []string) {
	protos := []int{1, 2, 3}
	closed := false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-closed":
			closed = true
		case "-h1", "-h2", "-h3":
			protos = []int{int(args[0][2] - '0')}
		default:
			ts.Fatalf("tunnel: unknown flag %s", args[0])
		}
		args = args[1:]
	}
	var texts, headers []string
	for _, a := range args[1:] {
		switch {
		case strings.HasPrefix(a, "="):
			texts = append(texts, a[1:])
		case strings.HasPrefix(a, "@"):
			texts = append(texts, strings.ReplaceAll(ts.ReadFile(a[1:]), "\n", "\r\n"))
		default:
			headers = append(headers, a)
		}
	}
	for _, proto := range protos {
		if err := clientOf(ts).tunnel(ts.Stdout(), proto, closed, append([]string{"GET", args[0]}, headers...), texts); err != nil {
			ts.Fatalf("HTTP/%d: %v", proto, err)
		}
	}
}

func (c *client) tunnel(out io.Writer, proto int, closed bool, args, texts []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := c.parseRequest(args)
	if err != nil {
		return err
	}
	ask := c.connect
	if proto == 1 {
		ask = c.upgrade
	}
	resp, conn, err := ask(ctx, r, proto)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	fmt.Fprintf(out, "HTTP/%d: %d\n", proto, resp.StatusCode)
	var lines []string
	if proto == 1 && resp.Close {
		lines = append(lines, "Connection: close\n") // of which that is what is left
	}
	for name := range resp.Header {
		if strings.HasPrefix(name, "X-") || slices.Contains([]string{"Connection", "Content-Length", "Upgrade"}, name) {
			lines = append(lines, name+": "+resp.Header.Get(name)+"\n")
		}
	}
	slices.Sort(lines)
	fmt.Fprint(out, strings.Join(lines, ""))
	if resp.StatusCode != http.StatusSwitchingProtocols && (proto == 1 || resp.StatusCode != http.StatusOK) {
		return refused(out, resp, conn, texts)
	}
	for _, text := range texts {
		if _, err := io.WriteString(conn, text); err != nil {
			return err
		}
		echo := make([]byte, len(text))
		if n, err := io.ReadFull(conn, echo); err != nil {
			return fmt.Errorf("of the echo came %q, %w", echo[:n], err)
		}
		fmt.Fprintf(out, "%s\n", strings.ReplaceAll(string(echo), "\r\n", "\n"))
	}
	if closed {
		rest, err := io.ReadAll(conn)
		if ctx.Err() != nil {
			return fmt.Errorf("the tunnel was not closed, %w", err)
		}
		fmt.Fprintf(out, "%s\nclosed\n", rest)
	}
	return nil
}

// refused sends what would have gone through the tunnel, and prints all that comes.
func refused(out io.Writer, resp *http.Response, conn io.ReadWriteCloser, texts []string) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("the body broke off behind %q: %w", body, err)
	}
	for _, text := range texts {
		_, _ = io.WriteString(conn, text) // it may be closed
	}
	rest, _ := io.ReadAll(conn)
	fmt.Fprintf(out, "%s%sclosed\n", body, rest)
	return nil
}

// wire is a connection whose first bytes were read with its buffer.
type wire struct {
	net.Conn
	*bufio.Reader
}

func (w wire) Read(p []byte) (int, error) { return w.Reader.Read(p) }

// upgrade asks over HTTP/1.1.
func (c *client) upgrade(ctx context.Context, r *request, _ int) (*http.Response, io.ReadWriteCloser, error) {
	conn, err := dial(ctx, filepath.Join(c.dir, "http.sock"))
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.method, "http://localhost"+r.path, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header = r.header.Clone()
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		req.Header.Set(name, value)
	}
	if err := req.Write(conn); err != nil {
		return nil, nil, err
	}
	w := wire{conn, bufio.NewReader(conn)}
	resp, err := http.ReadResponse(w.Reader, req)
	return resp, w, err
}

// stream is that of an extended CONNECT.
type stream struct {
	io.ReadCloser
	*io.PipeWriter
	done func() error
}

func (s stream) Close() error {
	_ = s.PipeWriter.Close()
	_ = s.ReadCloser.Close()
	return s.done()
}

// connect asks over HTTP/2 or 3.
func (c *client) connect(ctx context.Context, r *request, proto int) (*http.Response, io.ReadWriteCloser, error) {
	in, w := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodConnect, "https://localhost"+r.path, in)
	if err != nil {
		return nil, nil, err
	}
	req.Header = r.header.Clone()
	req.Header.Set("Sec-WebSocket-Version", "13")
	var rt http.RoundTripper
	done := func() error { return nil }
	if proto == 3 {
		req.Proto = "websocket"
		rt = c.http3().Transport
	} else {
		req.Header[":protocol"] = []string{"websocket"}
		dialTLS := c.http2().Transport.(*http.Transport).DialTLSContext
		//nolint:staticcheck // http.Transport refuses a header named :protocol
		t := &http2.Transport{DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
			return dialTLS(ctx, network, addr)
		}}
		rt, done = t, func() error { t.CloseIdleConnections(); return nil } //nolint:staticcheck // the same
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		_ = w.Close()
		return nil, nil, err
	}
	return resp, stream{resp.Body, w, done}, nil
}
