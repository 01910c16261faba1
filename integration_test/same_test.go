package integration_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sort"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdSame sends a request to several prefixes over HTTP/1.1, 2 and 3, and prints what the
// client saw of the first one's answer, which all others must be like: same PREFIX,PREFIX,…
// METHOD /path [Name:value …]. The first is a plain reverse_proxy. An answer that is cut
// may be lost with its head over HTTP/3, where a reset overtakes what was sent before.
func cmdSame(ts *testscript.TestScript, _ bool, args []string) {
	c := clientOf(ts)
	prefixes := strings.Split(args[0], ",")
	var wg sync.WaitGroup
	seen := make([][3]string, len(prefixes))
	for i, prefix := range prefixes {
		for proto := 1; proto <= 3; proto++ {
			r, err := c.parseRequest(args[1:])
			ts.Check(err)
			r.proto, r.path = proto, prefix+r.path
			wg.Add(1)
			go func() {
				defer wg.Done()
				seen[i][proto-1] = c.see(r)
			}()
		}
	}
	wg.Wait()
	want := seen[0][0]
	differs := false
	for i, prefix := range prefixes {
		for p, got := range seen[i] {
			lost := p == 2 && got == noAnswer && strings.HasSuffix(want, "ended: cut\n")
			if got != want && !lost {
				differs = true
				fmt.Fprintf(ts.Stderr(), "%s over HTTP/%d differs:\n%s", prefix, p+1, got)
			}
		}
	}
	if differs {
		ts.Fatalf("%s over HTTP/1.1 was answered\n%s", prefixes[0], want)
	}
	fmt.Fprint(ts.Stdout(), want)
}

// uploadSize is more than any buffer on the way takes.
const uploadSize = 64 << 20

const noAnswer = "no answer\n"

// see sends r and tells all that a client can see of the answer: informational responses,
// status, headers, body, how the body ended, trailers. Of a body that was cut it tells
// nothing else: how much of it came depends on buffers.
func (c *client) see(r *request) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out strings.Builder
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			fmt.Fprintf(&out, "%d %s\n", code, h.Get("Link"))
			return nil
		},
	})
	resp, err := c.do(ctx, r)
	if err != nil {
		if ctx.Err() != nil {
			return "no answer in time\n"
		}
		return noAnswer
	}
	defer resp.Body.Close()
	fmt.Fprintln(&out, resp.StatusCode)
	writeHeader(&out, "", resp.Header, "Date", "Server", "Via", "Alt-Svc", "Connection", "X-Hook")
	if resp.ContentLength >= 0 {
		fmt.Fprintln(&out, "length:", resp.ContentLength)
	}
	body, err := io.ReadAll(resp.Body)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintln(&out, "ended: never")
	case err != nil:
		fmt.Fprintln(&out, "ended: cut")
	case bytes.IndexFunc(body, func(r rune) bool { return r < ' ' || r > '~' }) < 0 && len(body) <= 100:
		fmt.Fprintf(&out, "body: %s\n", body)
	default:
		fmt.Fprintf(&out, "body: %d bytes %x\n", len(body), sha256.Sum256(body))
	}
	writeHeader(&out, "trailer ", resp.Trailer)
	return out.String()
}

// writeHeader writes headers in the order of their names, without some. Content-Length is
// the response's own word for it: not every protocol's client keeps the header.
func writeHeader(out io.Writer, what string, h http.Header, without ...string) {
	var lines []string
	for name, values := range h {
		for _, v := range values {
			if len(v) > 200 {
				v = fmt.Sprintf("%s… %d bytes", v[:10], len(v))
			}
			lines = append(lines, fmt.Sprintf("%s%s: %s\n", what, name, v))
		}
	}
	sort.Strings(lines)
next:
	for _, l := range lines {
		for _, name := range append(without, "Content-Length") {
			if strings.HasPrefix(l, name+":") {
				continue next
			}
		}
		_, _ = io.WriteString(out, l)
	}
}

// cmdUpload sends a body until the answer is there, over each protocol: upload METHOD
// /path. It prints status and body of the answer, and whether all of the body was taken.
// With -stalls it sends one byte, and then nothing more, over HTTP/2 and 3: net/http's client
// keeps the byte back over HTTP/1.
func cmdUpload(ts *testscript.TestScript, _ bool, args []string) {
	stalls := args[0] == "-stalls"
	if stalls {
		args = args[1:]
	}
	for proto := 1; proto <= 3; proto++ {
		if stalls && proto == 1 {
			continue
		}
		r, err := clientOf(ts).parseRequest(args)
		ts.Check(err)
		r.proto = proto
		upload := &io.LimitedReader{R: zeros{}, N: uploadSize}
		r.body, r.length = func() io.Reader { return upload }, uploadSize
		if stalls {
			never, _ := io.Pipe()
			r.length = 1000
			r.body = func() io.Reader {
				return struct {
					io.Reader
					io.Closer
				}{io.MultiReader(strings.NewReader("x"), never), never}
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		resp, err := clientOf(ts).do(ctx, r)
		if err != nil {
			cancel()
			ts.Fatalf("HTTP/%d: %v", proto, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		cancel()
		if err != nil {
			ts.Fatalf("HTTP/%d: %d, then %v", proto, resp.StatusCode, err)
		}
		fmt.Fprintf(ts.Stdout(), "HTTP/%d: %d %s\n", proto, resp.StatusCode, bytes.TrimSpace(body))
	}
}

// cmdDrip reads a stream whose upstream waits for /next before it sends more: drip [-cut] LINE,… /path
// /next. Each line must come before the next is asked for; then the body ends, with
// -cut too early.
func cmdDrip(ts *testscript.TestScript, _ bool, args []string) {
	c := clientOf(ts)
	cut := args[0] == "-cut"
	if cut {
		args = args[1:]
	}
	for proto := 1; proto <= 3; proto++ {
		r, err := c.parseRequest([]string{"GET", args[1]})
		ts.Check(err)
		r.proto = proto
		next, err := c.parseRequest([]string{"GET", args[2]})
		ts.Check(err)
		ts.Check(c.drip(r, next, args[0], cut))
	}
}

func (c *client) drip(r, next *request, lines string, cut bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for _, want := range strings.Split(lines, ",") {
		line := make([]byte, len(want)+1)
		if _, err := io.ReadFull(resp.Body, line); err != nil || string(line) != want+"\n" {
			return fmt.Errorf("HTTP/%d: line %q, %v; want %q", r.proto, line, err, want)
		}
		if _, err := c.get(next, false); err != nil {
			return err
		}
	}
	if rest, err := io.ReadAll(resp.Body); (err != nil) != cut || len(rest) > 0 {
		return fmt.Errorf("HTTP/%d: behind the last line %q, %v", r.proto, rest, err)
	}
	return nil
}
