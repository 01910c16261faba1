package handler

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"unsafe"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/internal/upstream"
)

// uuidVar is the variable of {http.request.uuid}, which Caddy makes when it is asked for.
const uuidVar = "uuid"

// CloneRequest implements luart.Host. What Caddy keeps about a request (variables, placeholders,
// fields of the access log) is another one's in the clone, since several handings over of one
// request may be under way. Variables and placeholders begin with the values that they have; what
// handlers behind set is seen behind only, until AdoptClone.
func (host) CloneRequest(w http.ResponseWriter, r *http.Request) *http.Request {
	was := r.Context()
	server, ok := was.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return r
	}
	old, _ := was.Value(caddyhttp.VarsCtxKey).(map[string]any)
	if old != nil && old[uuidVar] == nil {
		old[uuidVar] = newUUID(w, r, server)
	}
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, server)
	vars, _ := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	maps.Copy(vars, old)
	if oldRepl, ok := was.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		// Those of map, for instance. It is a copy, but for static values, which Caddy guards: the request may
		// get more of them while the handler of a clone whose response was dropped still asks.
		repl.Map(oldRepl.WithoutFile().Get)
	}
	original := was.Value(caddyhttp.OriginalRequestCtxKey)
	ctx := context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original)
	if groups, ok := was.Value(routeGroups).(map[string]struct{}); ok {
		ctx = context.WithValue(ctx, routeGroups, maps.Clone(groups))
	}
	return r.WithContext(ctx)
}

// routeGroups is where Caddy notes which groups of routes a request has gone through: of the
// handle blocks of a Caddyfile only the first that matches is for it. Each handing over begins
// with those of the request, the block of rover itself included.
const routeGroups = caddy.CtxKey("route_group")

// newUUID makes a value of uuidVar, so that both sides have the same. It does so for a
// request that nobody has: Caddy adds it to the access log of the one that it is made for.
func newUUID(w http.ResponseWriter, r *http.Request, server *caddyhttp.Server) any {
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, server)
	repl.Get("http.request.uuid")
	return caddyhttp.GetVar(r.Context(), uuidVar)
}

// AdoptClone implements luart.Host. Variables (log_skip), placeholders (the user of basic_auth,
// what reverse_proxy says of the upstream) and fields of the access log that handlers behind
// have set are those of r from now on, as if it had been passed on itself.
func (host) AdoptClone(r, clone *http.Request) {
	was, is := r.Context(), clone.Context()
	vars, _ := was.Value(caddyhttp.VarsCtxKey).(map[string]any)
	set, _ := is.Value(caddyhttp.VarsCtxKey).(map[string]any)
	if vars == nil || set == nil {
		return
	}
	for name, value := range set {
		if !strings.HasPrefix(name, "rover.") { // ours say where a request goes
			vars[name] = value
		}
	}
	upstream.Adopt(was, is)
	repl, _ := was.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	other, _ := is.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if repl != nil && other != nil && repl != other {
		for name, value := range staticPlaceholders(other) {
			repl.Set(name, value)
		}
	}
	log, _ := was.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	otherLog, _ := is.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	if log != nil && otherLog != nil && log != otherLog {
		for _, field := range extraLogFields(otherLog) {
			log.Set(field)
		}
	}
}

// staticPlaceholders returns what has been set of a replacer, and extraLogFields what has
// been added for the access log. Caddy has no way to ask, so they look: nobody may use either
// meanwhile. Where a version of Caddy keeps them otherwise they return nothing, and
// TestAdoptClone fails.
func staticPlaceholders(repl *caddy.Replacer) map[string]any {
	return fieldOf[map[string]any](repl, "static")
}

func extraLogFields(log *caddyhttp.ExtraLogFields) []zap.Field {
	return fieldOf[[]zap.Field](log, "fields")
}

// fieldOf returns the field of a struct that is not exported, or the zero value if there is
// none of that name and type.
func fieldOf[T any](structure any, name string) (value T) {
	f := reflect.ValueOf(structure).Elem().FieldByName(name)
	if !f.IsValid() || f.Type() != reflect.TypeFor[T]() {
		return value
	}
	return *(*T)(unsafe.Pointer(f.UnsafeAddr()))
}
