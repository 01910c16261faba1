package lean

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"testing"
)

// Connecting does not take its stack from whoever sends a request, who is deep in handlers.
func TestDialDoesNotGrowTheStackOfItsCaller(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	var stack string
	base := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		stack = string(debug.Stack())
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	tr := New(base)
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !tr.Can(req) {
		t.Fatal("it does not send the request itself")
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if stack == "" || strings.Contains(stack, "RoundTrip(") {
		t.Errorf("it is called by\n%s", stack)
	}
}
