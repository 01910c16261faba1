package handler

import (
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/internal/upstream"
)

// A version of Caddy that keeps placeholders or log fields elsewhere fails here.
func TestAdoptClone(t *testing.T) {
	w := httptest.NewRecorder()
	repl := caddy.NewReplacer()
	r := caddyhttp.PrepareRequest(httptest.NewRequest("GET", "/", nil), repl, w, &caddyhttp.Server{})
	log := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	log.Add(zap.String("front", "1"))
	caddyhttp.SetVar(r.Context(), "both", "front")
	caddyhttp.SetVar(r.Context(), "front", "kept")

	clone := host{}.CloneRequest(w, r)
	dropped := host{}.CloneRequest(w, r)
	caddyhttp.SetVar(clone.Context(), caddyhttp.LogSkipVar, true)
	caddyhttp.SetVar(clone.Context(), "both", "behind")
	upstream.Choose(clone.Context(), []string{"behind"})
	caddyhttp.SetVar(dropped.Context(), "both", "dropped")
	clone.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("http.auth.user.id", "behind")
	clone.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields).Add(zap.String("behind", "behind"))
	placeholders := func() string {
		return repl.ReplaceAll("{http.vars.both} {http.vars.front} {http.auth.user.id}", "-")
	}
	if got := placeholders(); got != "front kept -" {
		t.Errorf("before: %s", got)
	}

	host{}.AdoptClone(r, clone)
	if got := placeholders(); got != "behind kept behind" {
		t.Errorf("after: %s", got)
	}
	if skip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.LogSkipVar).(bool); !skip {
		t.Error("log_skip is lost")
	}
	if to := upstream.Chosen(r.Context()); to != nil {
		t.Errorf("where the request went is known in front: %v", to)
	}
	var names []string
	for _, f := range extraLogFields(log) {
		names = append(names, f.Key+"="+f.String)
	}
	if len(names) != 2 || names[0] != "front=1" || names[1] != "behind=behind" {
		t.Errorf("log fields: %q", names)
	}
}

// A clone has the placeholders of the request, and none that the request gets later: the handler of one whose
// response was dropped may still ask then.
func TestCloneHasWhatWasThere(t *testing.T) {
	w := httptest.NewRecorder()
	repl := caddy.NewReplacer()
	r := caddyhttp.PrepareRequest(httptest.NewRequest("GET", "/", nil), repl, w, &caddyhttp.Server{})
	called := func(name string) caddy.ReplacerFunc {
		return func(key string) (any, bool) { return name, key == name }
	}
	repl.Map(called("before"))
	clone := host{}.CloneRequest(w, r).Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	asked := make(chan string)
	go func() {
		got := ""
		for range 100 {
			got = clone.ReplaceAll("{before} {after}", "-")
		}
		asked <- got
	}()
	repl.Map(called("after"))
	if got := <-asked; got != "before -" {
		t.Errorf("the clone says %q", got)
	}
}

// Nobody has to ask for the id in front for it to be the same behind, and it is logged only
// where somebody asks.
func TestCloneHasTheSameUUID(t *testing.T) {
	w := httptest.NewRecorder()
	repl := caddy.NewReplacer()
	r := caddyhttp.PrepareRequest(httptest.NewRequest("GET", "/", nil), repl, w, &caddyhttp.Server{})
	ids := map[string]bool{}
	for range 2 {
		behind := host{}.CloneRequest(w, r).Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
		ids[behind.ReplaceAll("{http.request.uuid}", "")] = true
	}
	log := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	if fields := extraLogFields(log); len(fields) != 0 {
		t.Errorf("logged: %v", fields)
	}
	ids[repl.ReplaceAll("{http.request.uuid}", "")] = true
	if len(ids) != 1 || ids[""] {
		t.Errorf("the ids are %v", ids)
	}
}
