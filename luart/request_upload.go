package luart

import (
	"io"
	"slices"
	"time"

	"github.com/caddy-rover/rover/luart/mirror"
	"github.com/caddy-rover/rover/luart/reqbody"
)

// bodyGrace is how long a client may leave a reader of its request's body without data, in
// all, before what it has sent at body_min_rate makes up for it.
const bodyGrace = 10 * time.Second

// upload is the body of a request.
type upload struct {
	body     *body            // as the script sees it; nil: it has not asked
	bodies   []*body          // body, and those before ctx:set_body
	spools   []*reqbody.Spool // what has been read
	sender   *reqbody.Sender  // who sends it; nil: nobody has waited for that
	received *received        // the request as it came; nil unless it may be passed on after a failure
	mirrored []*mirror.Body   // copies that wait for it
}

// isKept reports whether the body is in a file, or is copied.
func (u *upload) isKept() bool {
	return len(u.mirrored) > 0 || slices.ContainsFunc(u.spools, func(s *reqbody.Spool) bool { return s.File != nil })
}

// discard removes what is kept. Nobody may be reading it.
func (u *upload) discard() {
	for _, s := range u.spools {
		s.Close()
	}
	for _, b := range u.mirrored {
		b.Abandon()
	}
}

// paced returns body, the request's, as one that must not come too slowly, and is not read any more
// when nobody wants it. Only the holder may call it.
func (x *Exchange) paced(body io.ReadCloser) io.ReadCloser {
	if x.upload.sender == nil {
		x.upload.sender = reqbody.NewSender(x.w, x.gen.vm.clock, x.gen.bodyMinRate, x.gen.vm.bodyGrace)
	}
	return x.upload.sender.Paced(body)
}
