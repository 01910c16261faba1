package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/caddy-rover/rover/luart"
)

// The reverse proxy tries on, for as long as its configuration says, when it is offered no
// upstream: it may be given one later. When a script says that there are no more it is
// offered endingDial, which it cannot dial, and gives up at once.
const endingDial = "rover:0-1"

// endingSelection is the policy of the proxy: trySource offers one upstream at a time, which is the
// first. endingDial is chosen whether it is available or not.
type endingSelection struct{ reverseproxy.FirstSelection }

// Select implements reverseproxy.Selector.
func (s endingSelection) Select(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	switch to := targetOf(r.Context()); {
	case to == nil:
	case to.known != nil:
		return nil
	case to.over:
		return pool[0]
	}
	return s.FirstSelection.Select(pool, r, w)
}

var (
	errNotAvailable = errors.New("the upstream is not available: it is unhealthy, or serves as many requests as it may")
	errNonePicked   = errors.New("pick returned no upstream")
)

// pickNext has the script pick the upstream of the next try, and adds it to the list. It returns
// false when there is none. again says that the proxy block bounds the tries, unused that the request
// was not sent to the last upstream.
func (to *Target) pickNext(ctx context.Context, again, unused bool) bool {
	limit := to.tries
	if limit == 0 || limit > maxTries && !again {
		limit = maxTries
	}
	if r := to.failing.retry; r != nil {
		limit = min(limit, r.Attempts)
	}
	if to.over || to.tried >= limit {
		return false
	}
	if unused {
		to.last, to.status = &luart.TryError{Upstream: to.current.dial, Message: errNotAvailable.Error()}, http.StatusServiceUnavailable
	}
	address, err := to.pick(ctx, to.tried+1, to.last)
	if err != nil {
		to.pickErr = err
		return false
	}
	if address == "" {
		return false
	}
	u, err := parseAddress(address)
	if err != nil { // it has been checked
		to.pickErr = err
		return false
	}
	to.upstreams = append(to.upstreams, u)
	return true
}

// noteRefused remembers for pick that the breaker of an upstream is open.
func (to *Target) noteRefused(dial string) {
	to.last = &luart.TryError{Upstream: dial, Message: "breaker open: " + to.failing.open.Error()}
	to.status = http.StatusServiceUnavailable
}

// recordTry remembers how a try ended, for pick.
func (to *Target) recordTry(resp *http.Response, err error) {
	to.last = &luart.TryError{Upstream: to.current.dial}
	var again *againError
	if errors.As(err, &again) {
		to.last.Message, to.status = again.Error(), again.status
		if again.tried {
			to.last.Status = again.status
		}
		return
	}
	if err == nil { // should it be tried again, that is because of its status
		to.status = resp.StatusCode
		to.last.Status, to.last.Message = to.status, fmt.Sprintf("status %d", to.status)
		return
	}
	to.last.Message = err.Error()
	to.status = http.StatusBadGateway
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		to.status = http.StatusGatewayTimeout
	}
}

// finalError is the error of a request for which there is no further upstream: as the reverse
// proxy's for its last try.
func (to *Target) finalError() error {
	var script *luart.ScriptError
	switch open := to.failing.open; {
	case errors.As(to.pickErr, &script):
		return caddyhttp.Error(script.Status, script)
	case to.pickErr != nil: // the VM is closed
		return caddyhttp.Error(http.StatusServiceUnavailable, to.pickErr)
	case open != nil:
		return caddyhttp.Error(http.StatusServiceUnavailable, fmt.Errorf("breaker open: %w", open))
	case to.last == nil:
		return caddyhttp.Error(http.StatusServiceUnavailable, errNonePicked)
	}
	return caddyhttp.Error(to.status, errors.New(to.last.Message))
}
