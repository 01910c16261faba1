package bodyfilter

import "net/http"

// Bodyless reports whether a response with this status has no body.
func Bodyless(status int) bool {
	switch status {
	case http.StatusNoContent, http.StatusResetContent, http.StatusNotModified:
		return true
	}
	return false
}

// TurnedHead puts the headers right of a response that came with one status and is sent with
// another, if what came cannot be the body of that. It reports whether that is so: then no body
// is sent, since there is none, the status forbids it, or it is a part (206), which the client
// of an error would take for all that there is. A 205 is turned even where it stays one: net/http
// sends the body that a service has put into it, and no hook has seen that.
func TurnedHead(h http.Header, came, status int) bool {
	part := came == http.StatusPartialContent && status >= 300
	switch {
	case status == http.StatusResetContent:
	case came == status, !Bodyless(came) && !Bodyless(status) && !part:
		return false
	}
	// They tell of a body that does not follow. A length makes the client wait for it.
	for _, name := range [...]string{"Content-Length", "Transfer-Encoding", "Content-Range", "Trailer"} {
		delete(h, name)
	}
	switch {
	case status == http.StatusNotModified: // what else describes the body is that of the copy which the client has
	case Bodyless(came) && status != http.StatusNoContent:
		h["Content-Length"] = []string{"0"}
	default:
		for _, name := range [...]string{"Content-Type", "Content-Encoding"} {
			delete(h, name)
		}
		if !Bodyless(status) || status == http.StatusResetContent {
			h["Content-Length"] = []string{"0"}
		}
	}
	return true
}
