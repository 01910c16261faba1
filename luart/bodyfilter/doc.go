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
package bodyfilter
