package luart

import "net/http"

// isExtendedConnect reports whether r opens a WebSocket over HTTP/2 (RFC 8441) or HTTP/3 (RFC
// 9220). Such a request says CONNECT, but it is the GET with an Upgrade of HTTP/1.1, and that is
// what a reverse proxy makes of it. So scripts see a GET.
func isExtendedConnect(r *http.Request) bool {
	if r.Method != http.MethodConnect {
		return false
	}
	if r.ProtoMajor == 3 {
		return r.Proto == "websocket"
	}
	protocol := r.Header[":protocol"]
	return len(protocol) > 0 && protocol[0] == "websocket"
}

// FrameConnect gives the body of a CONNECT that is no WebSocket a framing. The reverse proxy
// sends such a request as it came, and net/http writes a body of unknown length behind a CONNECT
// as it is, for it takes it for a tunnel: an upstream that does not know the method reads further
// requests there, which have passed no hook. Over HTTP/1 the server has set the framing already.
func FrameConnect(r *http.Request) {
	if r.Method == http.MethodConnect && r.ContentLength < 0 && len(r.TransferEncoding) == 0 && !isExtendedConnect(r) {
		r.TransferEncoding = []string{"chunked"}
	}
}

// methodName is the request's method as scripts see it.
func methodName(r *http.Request) string {
	if isExtendedConnect(r) {
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
