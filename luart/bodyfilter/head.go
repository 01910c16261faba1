package bodyfilter

import (
	"net/http"
	"strconv"
	"strings"
)

// Verdict says what can be done with the body of a response.
type Verdict int

const (
	// Filter: decode it and filter it. The header has been changed.
	Filter Verdict = iota

	// NoBody: there is none (see [HasBody]), and none may be made. The header has been changed as that of a body would be.
	NoBody

	// Partial: it is a part of the upstream's body (206). Filtered alone it would be wrong, unfiltered it may show what the filter
	// hides: fail the exchange, or pass it on if the script has said so. The header has not been changed.
	Partial

	// Undecodable: it has a content coding that NewDecoder does not know. As for Partial. The header has not been changed.
	Undecodable
)

// digests are the fields that describe the bytes of a body. They are in canonical form.
var digests = []string{
	"Digest", "Content-Digest", "Repr-Digest", "Content-Md5",
	"Want-Digest", "Want-Content-Digest", "Want-Repr-Digest",
}

// HasBody reports whether the response to a request may have a body: not to HEAD, not 1xx, 204, 205 or 304, and not 2xx to CONNECT. Any
// goroutine may call it.
func HasBody(method string, status int) bool {
	switch {
	case method == http.MethodHead, status < 200, status == http.StatusNoContent, status == http.StatusResetContent,
		status == http.StatusNotModified:
		return false
	}
	return method != http.MethodConnect || status >= 300
}

// FilteredHead puts the header of a response right for a body that will be filtered, by the table in the package comment. Call it when the
// script asks for the filter, once, before it sets fields of its own, which then stand; take the Content-Encoding for the decoder first.
// Not safe for concurrent use of h.
func FilteredHead(h http.Header, status int, method string) Verdict {
	decodable := Decodable(ContentEncoding(h))
	hasBody := HasBody(method, status)
	switch {
	case !hasBody:
	case status == http.StatusPartialContent:
		return Partial
	case !decodable:
		return Undecodable
	}
	h.Del("Content-Length")
	if decodable {
		h.Del("Content-Encoding")
	}
	weakenETag(h)
	removeDescriptions(h)
	if !hasBody {
		return NoBody
	}
	return Filter
}

// ReplacedHead puts the header of a response right for a new body of n bytes, by the table in the package comment, and returns the status
// to send: 200 in place of 206, else the same. If [HasBody] says that there is none, the body must not be sent; for HEAD n is announced
// nevertheless. Call it when the script sets the body, before it sets fields of its own. Not safe for concurrent use of h.
func ReplacedHead(h http.Header, status int, method string, n int64) int {
	h.Del("Content-Encoding")
	h.Del("Etag")
	h.Del("Last-Modified")
	removeDescriptions(h)
	if status == http.StatusPartialContent {
		status = http.StatusOK
	}
	if HasBody(http.MethodGet, status) && (method != http.MethodConnect || HasBody(method, status)) {
		h.Set("Content-Length", strconv.FormatInt(n, 10))
	} else {
		h.Del("Content-Length")
	}
	return status
}

// FilteredTrailer removes from trailers what described the upstream's body, whether they were announced or have names that begin with
// http.TrailerPrefix. Not safe for concurrent use of h.
func FilteredTrailer(h http.Header) {
	for name := range h {
		if isDigest(strings.TrimPrefix(name, http.TrailerPrefix)) {
			delete(h, name)
		}
	}
}

// StripRange makes a request ask for the whole: it removes Range and If-Range. Use it when a filter is known to be wanted, before the
// request is passed on. A server may always answer a range with the whole. Not safe for concurrent use of h.
func StripRange(h http.Header) {
	h.Del("Range")
	h.Del("If-Range")
}

func isDigest(name string) bool {
	name = http.CanonicalHeaderKey(name)
	for _, d := range digests {
		if name == d {
			return true
		}
	}
	return false
}

// removeDescriptions removes what is true of no body but the upstream's, in both cases.
func removeDescriptions(h http.Header) {
	h.Del("Accept-Ranges")
	h.Del("Content-Range")
	for _, name := range digests {
		h.Del(name)
	}
	announced := h["Trailer"]
	if len(announced) == 0 {
		return
	}
	var kept []string
	for name := range strings.SplitSeq(strings.Join(announced, ","), ",") {
		if name = strings.Trim(name, " \t"); name != "" && !isDigest(name) {
			kept = append(kept, name)
		}
	}
	if len(kept) == 0 {
		h.Del("Trailer")
	} else {
		h["Trailer"] = []string{strings.Join(kept, ", ")}
	}
}

// weakenETag makes a strong entity tag weak. One without quotes is none, and goes.
func weakenETag(h http.Header) {
	switch tag := h.Get("Etag"); {
	case tag == "" || strings.HasPrefix(tag, `W/"`):
	case strings.HasPrefix(tag, `"`):
		h.Set("Etag", "W/"+tag)
	default:
		h.Del("Etag")
	}
}
