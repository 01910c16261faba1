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
