package integration_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdShort sends a request over HTTP/3 whose body ends, in good order, a byte before its
// Content-Length, and prints status and body: short METHOD /path =text.
func cmdShort(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 || !strings.HasPrefix(args[2], "=") {
		ts.Fatalf("usage: short METHOD /path =text")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	text := args[2][1:]
	req, err := http.NewRequestWithContext(ctx, args[0], "https://localhost"+args[1], io.NopCloser(strings.NewReader(text)))
	ts.Check(err)
	req.ContentLength = int64(len(text)) + 1
	resp, err := clientOf(ts).http3().Transport.RoundTrip(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d\n%s\n", resp.StatusCode, body)
}
