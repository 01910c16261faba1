// Package bodyfilter is what a filter of response bodies needs besides the filter: decoding, the headers that are no longer true,
// and replacing text in a stream. It knows neither Lua nor Caddy.
//
// # Shape
//
// A body comes in pieces, from an http.ResponseWriter: so everything is pushed. A [Decoder] is an [io.WriteCloser] in front of a sink,
// a func([]byte) error. The sink runs on the goroutine of the Write or Close that makes it due, never later, and the bytes it gets are
// the caller's again when it returns: copy what is kept.
//
// # Decoding
//
//	coding        decoded as                          refused
//	gzip, x-gzip  RFC 1952, several members           other bytes after a member, as net/http and curl do
//	deflate       zlib (RFC 1950) or, as some         other bytes after the end; after raw deflate four are
//	              servers send it, raw (RFC 1951)     let pass, as curl does
//	br            RFC 7932, windows to 16 MiB         other bytes after the end, large windows
//	zstd          RFC 8878, several frames            windows over 8 MiB (RFC 9659, as browsers), dictionaries
//	identity      as it is
//	"gzip, br"    br, then gzip; at most 3 codings    more than 3, any other coding
//
// What the server has flushed comes out at once. The end is checked: a body that ends too early is an error of Close, never a short
// body. An empty body is empty in every coding. Checksums are checked, but what they cover has been handed on by then: a streaming
// filter must end the exchange in a way that the client sees when Write or Close fails.
//
// # Headers
//
// What [FilteredHead] does for a filter, whose result is a function of the upstream's body, and [ReplacedHead] for a new body, which may
// be made of anything:
//
//	field                        filtered                       replaced
//	Content-Length               removed: not known             the new one; removed for 1xx, 204, 205, 304
//	Content-Encoding             removed if it can be decoded   removed
//	ETag "x"                     W/"x": other bytes than the    removed: says nothing about the new body
//	                             upstream's, changed with them
//	ETag W/"x"                   kept                           removed
//	ETag, malformed              removed                        removed
//	Last-Modified                kept                           removed
//	Accept-Ranges                removed: the upstream's bytes are not the client's
//	Content-Range                [Partial] for 206, else        removed; 206 becomes 200
//	                             removed (416 tells a length)
//	Digest, Content-Digest,      removed, also from Trailer and the trailers ([FilteredTrailer])
//	Repr-Digest, Content-MD5,
//	Want-… of these
//	Trailer                      kept, but for the digests
//	Transfer-Encoding            left to net/http
//	all other                    kept
//
// HEAD and 304 are treated as the GET would be: a client that keeps a W/"x" must not learn from a 304 that it is "x", and then join ranges
// of the upstream's bytes to its own. This holds if every response of a resource gets the treatment, so decide by route, not by what is in
// the response. nginx does the same where it compresses, and where sub_filter keeps validators (sub_filter_last_modified on); by default
// sub_filter removes them, as ReplacedHead does.
//
// If-None-Match and If-Modified-Since may go to the upstream: If-None-Match compares weakly, so W/"x" finds "x". The upstream's 304 then
// means that its body is the same; a filter whose result depends on more (the user, the time, a state, its own version) must remove
// ETag and Last-Modified itself, which later requests of the client then lack. If-Match compares strongly: no W/"x" matches, a PUT with one
// is 412. It needs the upstream's ETag, thus an unfiltered GET.
//
// Range cannot be let through ([StripRange]): the range that a filter sees is not the one that the client means, and a filter that masks
// something would be evaded by asking for the body in pieces. So a 206 that comes nevertheless ([Partial]) must not be sent unfiltered by
// a filter that hides something: it is an error of the exchange unless the script says otherwise.
//
// Cache-Control: no-transform binds proxies that the site has not chosen; a script is part of the site. It changes nothing here.
//
// # Replacing
//
// A [Pattern] is compiled once, a [Replacer] made of it for each body; it may be the sink of a Decoder:
//
//	r, err := bodyfilter.NewReplacer(pattern, "<b>$1</b>", bodyfilter.ReplaceOptions{}, toClient)
//	d, err := bodyfilter.NewDecoder(encoding, 0, func(p []byte) error { _, err := r.Write(p); return err })
//
// then Close both, the decoder first. All of RE2 can be used. Package regexp needs the whole text, or tries a window of it again for each
// cut, with results that depend on the cuts where a match might go on behind the window or begin before it: so there is a matcher of our
// own here, which steps through the program of regexp/syntax character by character.
package bodyfilter
