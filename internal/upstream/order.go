package upstream

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// inOrder is the policy of a reverse_proxy with dynamic rover that names none: Caddy's
// default is random, and the script has put the upstreams in an order. The first that is
// available and has not been tried for the request is chosen; when all have been, it begins
// again. The static upstreams of such a block stay random.
type inOrder struct{ reverseproxy.RandomSelection }

// orderVar is the variable of a request that holds its order.
const orderVar = "rover.upstreams_order"

// order is how far the tries of one request have got.
type order struct {
	r     *http.Request // the request for the upstreams: another handing over begins anew
	tried []string      // dials
}

func orderOf(r *http.Request) *order {
	if o, _ := caddyhttp.GetVar(r.Context(), orderVar).(*order); o != nil && o.r == r {
		return o
	}
	return nil
}

// Select implements reverseproxy.Selector.
func (s inOrder) Select(pool reverseproxy.UpstreamPool, r *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	o := orderOf(r)
	if o == nil {
		return s.RandomSelection.Select(pool, r, w)
	}
	var again *reverseproxy.Upstream
	for _, u := range pool {
		switch {
		case !u.Available():
		case !slices.Contains(o.tried, u.Dial):
			o.tried = append(o.tried, u.Dial)
			return u
		case again == nil:
			again = u
		}
	}
	if again != nil {
		o.tried = append(o.tried[:0], again.Dial)
	}
	return again
}

// keepOrder makes inOrder the policy of the reverse_proxy that is being provisioned, if it
// has none, and reports whether it did. Caddy provisions the policy that a config names
// before the source of upstreams, and its default after it.
func keepOrder(ctx caddy.Context) bool {
	for _, m := range slices.Backward(ctx.Modules()) {
		h, ok := m.(*reverseproxy.Handler)
		if !ok {
			continue
		}
		if h.LoadBalancing == nil {
			h.LoadBalancing = new(reverseproxy.LoadBalancing)
		}
		if h.LoadBalancing.SelectionPolicy != nil {
			return false
		}
		h.LoadBalancing.SelectionPolicy = inOrder{}
		return true
	}
	return false
}
