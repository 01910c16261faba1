package reqbody_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/reqbody"
)

// ending is a body that calls atEnd within the Read that returns err.
type ending struct {
	io.Reader
	err   error
	atEnd func()
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err == io.EOF { //nolint:errorlint // as readers return it
		e.atEnd()
		err = e.err
	}
	return n, err
}

func (*ending) Close() error { return nil }

func trailerNames(h http.Header) []string { return slices.Sorted(maps.Keys(h)) }

// What a script has decided about, and what no trailer may say, goes in every spelling: announced,
// as it comes, and from the copies that were made of the request before its end.
func TestStrikeTrailers(t *testing.T) {
	for _, row := range []struct {
		end  error
		sums []string
	}{{io.EOF, []string{"1"}}, {errors.New("broken off"), nil}} {
		sent := http.Header{"X-Sum": nil, "X-User": nil, "Cookie": nil}
		r := &http.Request{Trailer: sent}
		r.Body = &ending{strings.NewReader("body"), row.end, func() {
			for _, name := range []string{
				"X-Sum", "X-User", "X_user", "x.USER", "X_Groups", "Cookie", "Authorization", "Proxy_Authorization",
				"Host", "Content-Length", "Transfer-Encoding", "X-Forwarded-For", "X_Forwarded_Proto", "Forwarded", "If-Match", "Origin",
			} {
				sent[name] = []string{"1"}
			}
		}}
		reqbody.StrikeTrailers(r, []string{"X-User", "x-groups"})
		if got := trailerNames(r.Trailer); !slices.Equal(got, []string{"X-Sum"}) {
			t.Errorf("announced are %q", got)
		}
		again := *r
		reqbody.StrikeTrailers(&again, nil) // as a second directive does
		body, err := io.ReadAll(again.Body)
		if string(body) != "body" || (err == nil) != (row.end == io.EOF) { //nolint:errorlint // it is that
			t.Errorf("%q, %v", body, err)
		}
		for _, h := range []http.Header{r.Trailer, again.Trailer} {
			if !slices.Equal(trailerNames(h), []string{"X-Sum"}) || !slices.Equal(h["X-Sum"], row.sums) {
				t.Errorf("after %v there are %q", row.end, h)
			}
		}
		if sent["X-User"] == nil {
			t.Error("the trailers of others were changed")
		}
	}
}

// Names may end or begin in anything, and all but digests be meant.
func TestStrikeTrailersByPattern(t *testing.T) {
	sent := http.Header{"X-User-Id": nil, "X_User_name": nil, "My-X-User": nil, "X-Sum": nil, "Content-Digest": nil, "Content_Digest": nil, "Digest": nil}
	for name, left := range map[string][]string{
		"X-User-*":         {"Content-Digest", "Content_Digest", "Digest", "My-X-User", "X-Sum"},
		"*-user":           {"Content-Digest", "Content_Digest", "Digest", "X-Sum", "X-User-Id", "X_User_name"},
		"*x-user*":         {"Content-Digest", "Content_Digest", "Digest", "X-Sum"},
		"*":                {},
		"**":               {},
		reqbody.Undigested: {"Content-Digest", "Content_Digest", "Digest"},
		"x*sum":            {"Content-Digest", "Content_Digest", "Digest", "My-X-User", "X-User-Id", "X_User_name"},
	} {
		r := &http.Request{Trailer: maps.Clone(sent)}
		reqbody.StrikeTrailers(r, []string{name})
		if got := trailerNames(r.Trailer); !slices.Equal(got, left) {
			t.Errorf("%s leaves %q, not %q", name, got, left)
		}
	}
}

// A request that announces no trailers costs nothing, and one that was read stays readable again.
func TestStrikeTrailersKeepsBodies(t *testing.T) {
	body := io.NopCloser(strings.NewReader(""))
	r := &http.Request{Body: body}
	reqbody.StrikeTrailers(r, []string{"X-User"})
	if r.Body != body || r.Trailer != nil {
		t.Error("a request without trailers was changed")
	}
	kept := (&reqbody.Spool{Mem: []byte("body"), Size: 4}).Body(nil)
	r = &http.Request{Body: kept, Trailer: http.Header{"X_user": {"root"}, "X-Sum": {"1"}}}
	reqbody.StrikeTrailers(r, []string{"X-User"})
	if _, ok := r.Body.(reqbody.Rereadable); !ok || !slices.Equal(trailerNames(r.Trailer), []string{"X-Sum"}) {
		t.Errorf("%T, %q", r.Body, r.Trailer)
	}
}
