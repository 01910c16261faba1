package upstream

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/luart"
)

// maxTries is how many upstreams one request is tried with, where the proxy block says
// nothing about retries: the longest list that api.proxy takes.
const maxTries = 16

// trySource offers the upstreams of a request's Target, one for each try. The
// reverse proxy asks before every try.
type trySource struct {
	srv  reverseproxy.SRVUpstreams // provisioned, without a name
	fake bool                      // there is no network: names are not looked up
	// retries says that the proxy block has a say in how often to try: the list begins again at
	// its end.
	retries bool
}

// GetUpstreams implements reverseproxy.UpstreamSource. r is the request for the
// upstream, made for this try.
func (s trySource) GetUpstreams(r *http.Request) ([]*reverseproxy.Upstream, error) {
	to := targetOf(r.Context())
	if to == nil {
		return nil, nil
	}
	if to.known != nil {
		return []*reverseproxy.Upstream{to.known}, nil
	}
	to.failing.sleep(r.Context())
	if err := to.choose(r, s); err != nil {
		return nil, err
	}
	if to.over {
		return []*reverseproxy.Upstream{{Dial: endingDial}}, nil
	}
	if !to.offered {
		return nil, nil // the last try's error stays
	}
	r.URL.Scheme = to.current.scheme
	// A new one for each try: Caddy writes to it, and may look at it later.
	to.offer[0] = &reverseproxy.Upstream{Dial: to.current.dial}
	return to.offer[:], nil
}

// choose makes the upstream of the next try the current one and says that it is offered. Those
// whose breakers are open are left out. Where there is none that is not so, or it is over.
func (to *Target) choose(r *http.Request, s trySource) error {
	if to.kept {
		to.kept, to.offered = false, true
		return nil
	}
	picks := to.pick != nil
	unused := to.offered // the last one, which Caddy has not sent the request to
	to.offered = false
	again := (s.retries || to.failing.retry != nil) && !to.failing.once
	for skipped := 0; !to.failing.ended; skipped++ {
		if picks && to.cursor >= len(to.upstreams) {
			if !to.pickNext(r.Context(), s.retries, unused) {
				to.over = true
				return nil
			}
		}
		unused = false
		if n := len(to.upstreams); n == 0 || to.cursor >= n && !again || skipped >= n && !picks {
			break
		}
		at := to.cursor % len(to.upstreams)
		if to.upstreams[at].srv {
			if err := s.resolve(r, to, at); err != nil {
				to.tried++
				to.cursor++
				return err
			}
		}
		to.cursor++
		if to.failing.ready(to.upstreams[at].dial) {
			to.tried++
			to.current, to.offered, to.failing.open = to.upstreams[at], true, nil
			return nil
		}
		if picks { // who wants to know why
			to.tried++
			to.refused++
			to.noteRefused(to.upstreams[at].dial)
		}
	}
	if to.failing.open != nil && to.asked == 0 && to.tried == to.refused {
		to.failing.guard.Breakers.CountRefused()
		to.over = true
	}
	return nil
}

// resolve puts the targets of an SRV name in its place.
func (s trySource) resolve(r *http.Request, to *Target, at int) error {
	if s.fake {
		to.upstreams[at].dial = fakeDial(to.upstreams[at].dial)
		return nil
	}
	err := s.lookUp(r, to, at)
	if err != nil {
		to.last, to.status = &luart.TryError{Upstream: to.upstreams[at].dial, Message: err.Error()}, http.StatusServiceUnavailable
	}
	return err
}

// lookUp puts the targets of an SRV name in the place of the name. Caddy's source
// caches them.
func (s trySource) lookUp(r *http.Request, to *Target, at int) error {
	name := to.upstreams[at]
	found, err := lookUpSRV(s.srv, name.dial, r)
	if err != nil {
		return err
	}
	list := make([]upstream, 0, len(to.upstreams)+len(found)-1)
	list = append(list, to.upstreams[:at]...)
	for _, u := range found {
		list = append(list, upstream{dial: u.Dial, scheme: name.scheme})
	}
	list = append(list, to.upstreams[at+1:]...)
	if to.tries > 0 {
		list = list[:min(len(list), to.tries)]
	}
	to.upstreams = list
	to.cursor = at
	return nil
}

// lookUpSRV returns the targets of an SRV name, at least one. source has no name.
func lookUpSRV(source reverseproxy.SRVUpstreams, name string, r *http.Request) ([]*reverseproxy.Upstream, error) {
	source.Name = name
	found, err := source.GetUpstreams(r)
	if err == nil && len(found) == 0 {
		err = errors.New("no records")
	}
	if err != nil {
		return nil, fmt.Errorf("looking up SRV %s: %w", name, err)
	}
	return found, nil
}
