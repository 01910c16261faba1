package handler

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/luart"
)

// placesVar is the variable of a request which says what places it has, by rules of concurrency.
const placesVar = "rover.places"

// limit asks the limits of the script. A request that an error route answers was counted before.
// leave is to be called when the handler returns: it gives back what the request has taken when
// the response has ended. That is then, unless the handler returns an error: whoever answers it
// does so before the request's context ends.
func (h *Handler) limit(w http.ResponseWriter, r *http.Request, x *luart.Exchange) (leave func(error), limited error) {
	leave = func(error) {}
	if answersError(r) {
		return leave, nil
	}
	if err := x.Limit(w.Header()); err != nil {
		return leave, err
	}
	ctx := r.Context()
	outer, _ := caddyhttp.GetVar(ctx, placesVar).(*luart.Places)
	places, err := x.TakePlaces(outer)
	if err != nil || places == outer {
		return leave, err
	}
	caddyhttp.SetVar(ctx, placesVar, places)
	return func(err error) {
		if err != nil && ctx.Done() != nil {
			context.AfterFunc(ctx, func() { places.Leave(outer) })
			return
		}
		caddyhttp.SetVar(ctx, placesVar, outer)
		places.Leave(outer)
	}, nil
}
