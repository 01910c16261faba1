package luart

import (
	"net/http"

	"github.com/caddy-rover/rover/luart/route"
)

// FrameConnect gives the body of a CONNECT that is no WebSocket a framing. The reverse proxy
// sends such a request as it came, and net/http writes a body of unknown length behind a CONNECT
// as it is, for it takes it for a tunnel: an upstream that does not know the method reads further
// requests there, which have passed no hook. Over HTTP/1 the server has set the framing already.
func FrameConnect(r *http.Request) {
	if r.Method == http.MethodConnect && r.ContentLength < 0 && len(r.TransferEncoding) == 0 && !route.IsExtendedConnect(r) {
		r.TransferEncoding = []string{"chunked"}
	}
}

// methodName is the request's method as scripts see it.
func methodName(r *http.Request) string {
	if route.IsExtendedConnect(r) {
		return http.MethodGet
	}
	return r.Method
}

// protoName is the request's protocol as scripts see it, such as HTTP/1.1.
func protoName(r *http.Request) string {
	if r.ProtoMajor == 3 {
		return "HTTP/3.0"
	}
	return r.Proto
}
