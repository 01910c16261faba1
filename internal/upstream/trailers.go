package upstream

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"

	"github.com/caddy-rover/rover/luart/reqbody"
)

// decidedNames are the names of headers that the proxy block sets, removes or changes in requests
// (header_up): a client must not send a trailer of such a name, which a service may merge into them.
// They are as StrikeTrailers takes them. A name with a placeholder may be any.
func decidedNames(h *headers.Handler) (names []string) {
	if h == nil || h.Request == nil {
		return nil
	}
	add := func(name string) {
		if strings.Contains(name, "{") {
			name = "*"
		}
		names = append(names, name)
	}
	for name := range h.Request.Set {
		add(name)
	}
	for name := range h.Request.Add {
		add(name)
	}
	for name := range h.Request.Replace {
		add(name)
	}
	for _, name := range h.Request.Delete {
		add(name)
	}
	return names
}

// withoutTrailers returns r without the trailers of names that the proxy block has decided about. r
// itself stays as it was, for error routes.
func (p *Proxy) withoutTrailers(r *http.Request) *http.Request {
	if r.Trailer == nil || len(p.decided) == 0 {
		return r
	}
	c := *r
	reqbody.StrikeTrailers(&c, p.decided)
	return &c
}
