package oidc

import (
	"fmt"
	"io"
	"net/http"
)

// NewClient returns the client that providers are asked by, over a transport that says where it may
// connect to. It follows no redirect: nobody but the provider says who a user is. An answer that is
// longer than MaxAnswer is an error.
func NewClient(over http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     bounded{over},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       AskTimeout,
	}
}

type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{resp.Body, MaxAnswer}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("the answer is longer than %d bytes", MaxAnswer)
	}
	return n, err
}
