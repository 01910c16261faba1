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
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/http2"
)

// cmdConnect sends a CONNECT with a body, and prints status and body of the answer: connect h1|h2|h3
// PROTOCOL|- /path [Name:value …] [=text | @file]. PROTOCOL is that of an extended CONNECT;
// without one the target over HTTP/2 and 3 is a host, and the path is left out.
func cmdConnect(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: connect h1|h2|h3 PROTOCOL|- /path [Name:value …] [=text | @file]")
	}
	var text string
	rest := []string{"CONNECT", args[2]}
	for _, a := range args[3:] {
		switch {
		case strings.HasPrefix(a, "="):
			text = a[1:]
		case strings.HasPrefix(a, "@"):
			text = strings.ReplaceAll(ts.ReadFile(a[1:]), "\n", "\r\n")
		default:
			rest = append(rest, a)
		}
	}
	c := clientOf(ts)
	r, err := c.parseRequest(rest)
	ts.Check(err)
	if err := c.connectWith(ts.Stdout(), args[0], args[1], r, text); err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
}

func (c *client) connectWith(out io.Writer, proto, protocol string, r *request, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// Nobody knows the length, as a client that goes on to write does not.
	req, err := http.NewRequestWithContext(ctx, r.method, "https://localhost"+r.path, struct{ io.Reader }{strings.NewReader(text)})
	if err != nil {
		return err
	}
	req.Header = r.header.Clone()
	var resp *http.Response
	switch proto {
	case "h1":
		conn, err := dial(ctx, filepath.Join(c.dir, "http.sock"))
		if err != nil {
			return err
		}
		defer conn.Close()
		req.TransferEncoding = []string{"chunked"}
		if err := req.Write(conn); err != nil {
			return err
		}
		resp, err = http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodGet})
		if err != nil {
			return err
		}
	case "h2":
		if protocol != "-" {
			req.Header[":protocol"] = []string{protocol}
		}
		dialTLS := c.http2().Transport.(*http.Transport).DialTLSContext
		//nolint:staticcheck // http.Transport refuses a header named :protocol
		t := &http2.Transport{DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
			return dialTLS(ctx, network, addr)
		}}
		defer t.CloseIdleConnections()                //nolint:staticcheck // the same
		if resp, err = t.RoundTrip(req); err != nil { //nolint:staticcheck // the same
			return err
		}
	case "h3":
		if protocol != "-" {
			req.Proto = protocol
		}
		if resp, err = c.http3().Transport.RoundTrip(req); err != nil {
			return err
		}
	default:
		return fmt.Errorf("no such protocol version: %s", proto)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("the body broke off behind %q: %w", body, err)
	}
	fmt.Fprintf(out, "%d\n%s\n", resp.StatusCode, body)
	return nil
}
