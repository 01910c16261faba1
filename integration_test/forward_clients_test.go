package integration_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
)

// h23sending is a request of a client of net/http or quic-go.
type h23sending struct {
	*run
	resp   *http.Response
	answer chan answered
	w      *io.PipeWriter
	req    *http.Request
	a      clientRequest
	cancel context.CancelFunc
	early  []string // informational answers
}

type answered struct {
	*http.Response
	err error
}

func (r *run) beginH23(a clientRequest) sending {
	s := &h23sending{run: r, a: a, answer: make(chan answered, 1)}
	ctx, cancel := context.WithTimeout(context.Background(), forwardPatience)
	s.cancel = cancel
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			s.early = append(s.early, fmt.Sprintf("%d\n%s", code, headerLines(http.Header(h))))
			return nil
		},
	})
	var body io.Reader
	if a.hasBody() {
		pr, pw := io.Pipe()
		body, s.w = pr, pw
	}
	req, err := http.NewRequestWithContext(ctx, a.methodOr(), "https://localhost:"+r.port+a.targetOr(), body)
	if err != nil {
		s.answer <- answered{nil, err}
		return s
	}
	req.Host = "localhost"
	for _, line := range append(strings.Split(strings.TrimSuffix(r.marks(), "\r\n"), "\r\n"), a.head...) {
		name, value, _ := strings.Cut(line, ":")
		req.Header.Add(name, strings.TrimSpace(value))
	}
	if a.body != "" && !a.chunked {
		req.ContentLength = int64(len(a.body))
	}
	if len(a.trailer) > 0 {
		req.Trailer = http.Header{}
		for _, t := range a.trailer {
			name, value, _ := strings.Cut(t, ":")
			req.Trailer.Add(name, strings.TrimSpace(value))
		}
	}
	s.req = req
	go func() {
		resp, err := r.forward.roundTripper(r).RoundTrip(req)
		s.answer <- answered{resp, err}
	}()
	return s
}

func (s *h23sending) write(text string) { _, _ = io.WriteString(s.w, text) }

func (s *h23sending) finish() {
	if s.w != nil {
		_ = s.w.Close()
	}
}

// headerLines are headers as lines, in order.
func headerLines(h http.Header) string {
	var lines []string
	for name, values := range h {
		if name == "Trailer" {
			continue
		}
		for _, v := range values {
			lines = append(lines, name+": "+v)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (s *h23sending) headOf() bool {
	got := <-s.answer
	for _, early := range s.early {
		s.note("%s", early)
	}
	if got.err != nil {
		s.note("no answer%s", ending(got.err))
		return false
	}
	s.resp = got.Response
	s.note("%d, length %d\n%s", s.resp.StatusCode, s.resp.ContentLength, headerLines(s.resp.Header))
	return true
}

func (s *h23sending) read(n int) {
	data := make([]byte, n)
	n, err := io.ReadFull(s.resp.Body, data)
	s.note("read: %s%s", display(data[:n]), ending(err))
}

func (s *h23sending) rest() {
	if s.resp.StatusCode == http.StatusNotModified {
		_ = s.resp.Body.Close() // net/http's client waits for a body, if there is a length
		return
	}
	data, err := io.ReadAll(s.resp.Body)
	s.noteBody(data, err)
	if t := headerLines(s.resp.Trailer); t != "" {
		s.note("trailer %s", strings.ReplaceAll(t, "\n", "\ntrailer "))
	}
	_ = s.resp.Body.Close()
	s.cancel()
}

func (s *h23sending) leave() {
	s.cancel()
	if s.w != nil {
		_ = s.w.CloseWithError(context.Canceled)
	}
}
