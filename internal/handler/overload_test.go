package handler

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/eventloop"
)

func TestPriorityIsEvaluatedPerRequest(t *testing.T) {
	for _, test := range []struct {
		option, class string
		want          eventloop.Class
	}{
		{"{class}", "high", eventloop.High},
		{"{class}", "low", eventloop.Low},
		{"{class}", "normal", eventloop.Normal},
		{"{class}", "", eventloop.Normal},
		{"{class}", "HIGH", eventloop.Normal},
		{"{class}", "higher", eventloop.Normal},
		{"{unknown}", "high", eventloop.Normal},
		{"high", "low", eventloop.High},
		{"low", "high", eventloop.Low},
	} {
		repl := caddy.NewReplacer()
		repl.Set("class", test.class)
		r := httptest.NewRequest("GET", "/", nil)
		r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, repl))
		h := &Handler{Config: rovercaddyfile.Config{Priority: test.option}}
		if got := h.priority(r); got != test.want {
			t.Errorf("priority %s, class %q: %v, want %v", test.option, test.class, got, test.want)
		}
	}
}

// The log names the option to change; each refusal has a remedy of its own.
func TestEachOverloadHasARemedy(t *testing.T) {
	seen := map[string]bool{"": true}
	for _, err := range []error{
		eventloop.ErrOverloaded, eventloop.ErrQuotaUsed, eventloop.ErrQueueTimeout,
		fmt.Errorf("wrapped: %w", eventloop.ErrTooManyWaiting), eventloop.ErrWaitingQuotaUsed,
	} {
		if got := remedy(err); seen[got] {
			t.Errorf("%v: remedy %q", err, got)
		} else {
			seen[got] = true
		}
	}
	for _, err := range []error{eventloop.ErrClosed, errors.New("x")} {
		if got := remedy(err); got != "" {
			t.Errorf("%v is not overload: %q", err, got)
		}
	}
}
