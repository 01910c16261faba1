package handler

import (
	"context"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/luart"
)

// placesVar is the variable of a request which says what places it has, by rules of concurrency.
const placesVar = "rover.places"

// askedVar is the variable of a request that may fail and come again which holds its *luart.Asked.
const askedVar = "rover.asked"

// admit asks the rules of the script's places. leave is to be called when the handler returns: it
// gives back what the request has taken when the response has ended. That is then, unless the
// handler returns an error: whoever answers it does so before the request's context ends.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, x *luart.Exchange) (leave func(error), refused error) {
	if !x.HasRules() {
		return func(error) {}, nil
	}
	ctx := r.Context()
	outer, _ := caddyhttp.GetVar(ctx, placesVar).(*luart.Places)
	asked, _ := caddyhttp.GetVar(ctx, askedVar).(*luart.Asked)
	if asked == nil && hasErrorRoutes(r) {
		asked = new(luart.Asked)
		caddyhttp.SetVar(ctx, askedVar, asked)
	}
	places, err := x.Admit(w.Header(), outer, asked)
	if err != nil || places == outer {
		return func(error) {}, err
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
