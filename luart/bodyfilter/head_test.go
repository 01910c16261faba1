package bodyfilter

import (
	"maps"
	"net/http"
	"slices"
	"testing"
)

// upstreamHead has every field that a rule names, and one that none does.
func upstreamHead() http.Header {
	return http.Header{
		"Content-Type":        {"text/html"},
		"Content-Length":      {"1234"},
		"Content-Encoding":    {"gzip"},
		"Etag":                {`"abc"`},
		"Last-Modified":       {"Tue, 15 Nov 1994 12:45:26 GMT"},
		"Accept-Ranges":       {"bytes"},
		"Digest":              {"sha-256=x"},
		"Content-Digest":      {"sha-256=:x:"},
		"Repr-Digest":         {"sha-256=:x:"},
		"Content-Md5":         {"x"},
		"Want-Digest":         {"sha-256"},
		"Want-Content-Digest": {"sha-256=1"},
		"Want-Repr-Digest":    {"sha-256=1"},
		"Trailer":             {"X-Time, content-digest", "Content-MD5"},
		"Vary":                {"Accept-Encoding"},
		"X-Other":             {"kept"},
	}
}

func checkHead(t *testing.T, got, want http.Header) {
	t.Helper()
	if !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("header %v\nwant   %v", got, want)
	}
}

func with(h http.Header, fields ...string) http.Header {
	h = maps.Clone(h)
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] == "" {
			h.Del(fields[i])
		} else {
			h.Set(fields[i], fields[i+1])
		}
	}
	return h
}

func TestFilteredHead(t *testing.T) {
	filtered := http.Header{
		"Content-Type":  {"text/html"},
		"Etag":          {`W/"abc"`},
		"Last-Modified": {"Tue, 15 Nov 1994 12:45:26 GMT"},
		"Trailer":       {"X-Time"},
		"Vary":          {"Accept-Encoding"},
		"X-Other":       {"kept"},
	}
	whole, partial := upstreamHead(), with(upstreamHead(), "Content-Range", "bytes 0-9/1234")
	foreign := with(whole, "Content-Encoding", "dcb")
	for _, c := range []struct {
		name    string
		method  string
		status  int
		in      http.Header
		verdict Verdict
		want    http.Header
	}{
		{"200", "GET", 200, whole, Filter, filtered},
		{"404 of a POST", "POST", 404, whole, Filter, filtered},
		{"416 tells the length of the upstream's", "GET", 416, partial, Filter, filtered},
		{"HEAD as GET", "HEAD", 200, whole, NoBody, filtered},
		{"304 as GET", "GET", 304, with(whole, "Content-Encoding", ""), NoBody, filtered},
		{"204", "DELETE", 204, http.Header{}, NoBody, http.Header{}},
		{"206", "GET", 206, partial, Partial, partial},
		{"undecodable", "GET", 200, foreign, Undecodable, foreign},
		{"undecodable, HEAD", "HEAD", 200, foreign, NoBody, with(filtered, "Content-Encoding", "dcb")},
		{"weak already", "GET", 200, with(whole, "ETag", `W/"abc"`), Filter, filtered},
		{"no ETag", "GET", 200, with(whole, "ETag", ""), Filter, with(filtered, "ETag", "")},
		{"malformed ETag", "GET", 200, with(whole, "ETag", "abc"), Filter, with(filtered, "ETag", "")},
		{"only digests behind", "GET", 200, with(whole, "Trailer", "Repr-Digest"), Filter, with(filtered, "Trailer", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := c.in.Clone()
			if got := FilteredHead(h, c.status, c.method); got != c.verdict {
				t.Errorf("verdict %d, want %d", got, c.verdict)
			}
			checkHead(t, h, c.want)
		})
	}
}

func TestReplacedHead(t *testing.T) {
	replaced := http.Header{
		"Content-Type":   {"text/html"},
		"Content-Length": {"7"},
		"Trailer":        {"X-Time"},
		"Vary":           {"Accept-Encoding"},
		"X-Other":        {"kept"},
	}
	for _, c := range []struct {
		name           string
		method         string
		status, answer int
		want           http.Header
	}{
		{"200", "GET", 200, 200, replaced},
		{"502", "POST", 502, 502, replaced},
		{"206 is whole now", "GET", 206, 200, replaced},
		{"HEAD announces the length", "HEAD", 200, 200, replaced},
		{"HEAD of 304", "HEAD", 304, 304, with(replaced, "Content-Length", "")},
		{"304", "GET", 304, 304, with(replaced, "Content-Length", "")},
		{"204", "GET", 204, 204, with(replaced, "Content-Length", "")},
		{"205", "GET", 205, 205, with(replaced, "Content-Length", "")},
		{"tunnel", "CONNECT", 200, 200, with(replaced, "Content-Length", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := with(upstreamHead(), "Content-Range", "bytes 0-9/1234")
			if got := ReplacedHead(h, c.status, c.method, 7); got != c.answer {
				t.Errorf("status %d, want %d", got, c.answer)
			}
			checkHead(t, h, c.want)
		})
	}
}

func TestFilteredTrailer(t *testing.T) {
	h := http.Header{
		"X-Time": {"1"}, "Content-Digest": {"x"}, "Trailer:Repr-Digest": {"x"}, "Trailer:content-md5": {"x"}, "Trailer:X-More": {"1"},
	}
	FilteredTrailer(h)
	checkHead(t, h, http.Header{"X-Time": {"1"}, "Trailer:X-More": {"1"}})
}

func TestStripRange(t *testing.T) {
	h := http.Header{"Range": {"bytes=0-9"}, "If-Range": {`"abc"`}, "If-None-Match": {`W/"abc"`}}
	StripRange(h)
	checkHead(t, h, http.Header{"If-None-Match": {`W/"abc"`}})
}

func TestHasBody(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
		want   bool
	}{
		{"GET", 200, true},
		{"GET", 206, true},
		{"POST", 404, true},
		{"HEAD", 200, false},
		{"HEAD", 404, false},
		{"GET", 100, false},
		{"GET", 101, false},
		{"GET", 103, false},
		{"GET", 204, false},
		{"GET", 205, false},
		{"GET", 304, false},
		{"GET", 300, true},
		{"CONNECT", 200, false},
		{"CONNECT", 403, true},
		{"OPTIONS", 200, true},
	} {
		if got := HasBody(c.method, c.status); got != c.want {
			t.Errorf("%s %d: %v", c.method, c.status, got)
		}
	}
}
