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
	if to.pick != nil && to.tried >= len(to.upstreams) && !to.pickNext(r.Context(), s.retries) {
		to.over = true
		return []*reverseproxy.Upstream{{Dial: endingDial}}, nil
	}
	if len(to.upstreams) == 0 || to.tried >= len(to.upstreams) && !s.retries {
		return nil, nil // the last try's error stays
	}
	at := to.tried % len(to.upstreams)
	to.tried++
	switch u := &to.upstreams[at]; {
	case !u.srv:
	case s.fake:
		u.dial = fakeDial(u.dial)
	default:
		if err := s.lookUp(r, to, at); err != nil {
			to.last, to.status = &luart.TryError{Upstream: to.upstreams[at].dial, Message: err.Error()}, http.StatusServiceUnavailable
			return nil, err
		}
	}
	to.current, to.offered = to.upstreams[at], true
	r.URL.Scheme = to.current.scheme
	// A new one for each try: Caddy writes to it, and may look at it later.
	to.offer[0] = &reverseproxy.Upstream{Dial: to.current.dial}
	return to.offer[:], nil
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
	to.tried = at + 1
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
