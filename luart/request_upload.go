package luart

import (
	"slices"

	"github.com/caddy-rover/rover/luart/reqbody"
)

// upload is the body of a request.
type upload struct {
	body     *body            // as the script sees it; nil: it has not asked
	bodies   []*body          // body, and those before ctx:set_body
	spools   []*reqbody.Spool // what has been read
	sender   *sender          // who sends it; nil: nobody has waited for that
	received *received        // the request as it came; nil unless it may be passed on after a failure
	mirrored []*mirroredBody  // copies that wait for it
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
		b.abandon()
	}
}
