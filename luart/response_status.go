package luart

import (
	"net/http"

	lua "github.com/yuin/gopher-lua"
)

// turned puts the headers right of a response that came with one status and is sent with
// another, if what came cannot be the body of that. It reports whether that is so: then no body
// is sent, since there is none, the status forbids it, or it is a part (206), which the client
// of an error would take for all that there is. A 205 is turned even where it stays one: net/http
// sends the body that a service has put into it, and no hook has seen that.
func turned(h http.Header, came, status int) bool {
	part := came == http.StatusPartialContent && status >= 300
	switch {
	case status == http.StatusResetContent:
	case came == status, !bodyless(came) && !bodyless(status) && !part:
		return false
	}
	// They tell of a body that does not follow. A length makes the client wait for it.
	for _, name := range [...]string{"Content-Length", "Transfer-Encoding", "Content-Range", "Trailer"} {
		delete(h, name)
	}
	switch {
	case status == http.StatusNotModified: // what else describes the body is that of the copy which the client has
	case bodyless(came) && status != http.StatusNoContent:
		h["Content-Length"] = []string{"0"}
	default:
		for _, name := range [...]string{"Content-Type", "Content-Encoding"} {
			delete(h, name)
		}
		if !bodyless(status) || status == http.StatusResetContent {
			h["Content-Length"] = []string{"0"}
		}
	}
	return true
}

// cameBodyless reports whether the response is another's that came without a body, whatever
// its status is now.
func (r *response) cameBodyless() bool { return r.from != nil && bodyless(r.from.came) }

// checkPart raises when a part (206) would be sent as if it were the whole. With any other
// status its body is not sent.
func (r *response) checkPart(L *lua.LState, status int) {
	if r.from == nil || r.from.came != http.StatusPartialContent {
		return
	}
	if status < 300 && status != http.StatusPartialContent && !bodyless(status) {
		L.RaiseError("a part (206) cannot be made a %d: it would pass for the whole; res:body(), "+
			"res:on_chunk and res:replace ask for that", status)
	}
}
