package handler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
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

// The log says what to do in words of requests, and the error stays what it was.
func TestOverloads(t *testing.T) {
	remedies := map[string]bool{}
	for _, o := range overloads {
		if remedies[o.remedy] {
			t.Errorf("%s has the remedy of another one", o.reason)
		}
		remedies[o.remedy] = true
		if strings.Contains(o.text, "task") {
			t.Errorf("%s: %s: nobody knows what a task is", o.reason, o.text)
		}
		if got := overloadOf(fmt.Errorf("wrapped: %w", o.err)); got != o {
			t.Errorf("%v is taken for %+v", o.err, got)
		}
	}
	for _, err := range []error{eventloop.ErrClosed, errors.New("x")} {
		if got := overloadOf(err); got != nil {
			t.Errorf("%v is not overload: %+v", err, got)
		}
	}
}

// docs/limits.md explains the reasons that the metric counts by, with the words of the log.
func TestOverloadPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	// What is refused after Lua has begun is said there: luart's TestBodiesWithoutEnd has the words.
	texts := map[string]string{"receiving": "too many request bodies are on their way"}
	for _, o := range overloads {
		texts[o.reason] = o.text
	}
	listed := map[string]string{}
	_, table, _ := strings.Cut(string(page), "| `reason` of the metric |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1) {
		listed[row[1]] = row[2]
	}
	if !maps.Equal(listed, texts) {
		t.Errorf("listed: %q\nwanted: %q", listed, texts)
	}
	counted := map[string]string{}
	for _, m := range gather(t, busyApp(t))["caddy_rover_refused_total"].GetMetric() {
		for _, l := range m.GetLabel() {
			if l.GetName() == "reason" {
				counted[l.GetValue()] = texts[l.GetValue()]
			}
		}
	}
	if !maps.Equal(listed, counted) {
		t.Errorf("listed: %q\ncounted: %q", listed, counted)
	}
}
