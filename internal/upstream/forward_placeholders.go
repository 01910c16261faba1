package upstream

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// placeholderPrefix is that of all placeholders of the reverse proxy.
const placeholderPrefix = "http.reverse_proxy."

// told is what the placeholders {http.reverse_proxy.*} of a request say. The reverse proxy sets each;
// here they are looked up when somebody asks, which is seldom. Any goroutine may use it.
type told struct {
	mu sync.Mutex

	hidden   bool // they are the reverse proxy's, which has set them
	at       *knownHost
	requests int // under way when this one began

	answered   bool
	latency    time.Duration
	status     int
	statusText string
	header     http.Header
	sent       time.Duration // until the response was sent; 0: it has not been
	duration   time.Duration // of all; 0: it goes on
	retries    int
	looped     bool
}

// show has the placeholders of a request be those of a forwarder from now on.
func (to *Target) show(r *http.Request) {
	to.told = new(told)
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.DeleteByPrefix(placeholderPrefix) // of the reverse proxy, which may have served the request before
		repl.Delete(triesKey)
		repl.Map(to.told.get)
	}
}

// Adopt has the placeholders that a reverse proxy has set of a clone of a request be those of the
// request, too, as far as they are not static ones.
func Adopt(request, clone context.Context) {
	to := targetOf(clone)
	last := targetOf(request)
	if last == to { // it is no clone
		return
	}
	last.hide()
	caddyhttp.SetVar(request, targetVar, to)
	if to == nil || to.told == nil {
		return
	}
	if repl, ok := request.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.DeleteByPrefix(placeholderPrefix)
		repl.Map(to.told.get)
	}
}

// hide takes the placeholders away, before others are set. nil has none.
func (to *Target) hide() {
	if to == nil || to.told == nil {
		return
	}
	to.told.mu.Lock()
	defer to.told.mu.Unlock()
	to.told.hidden = true
}

func (t *told) setUpstream(at *knownHost) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.requests = at, int(at.requests.Load())
}

func (t *told) setResponse(resp *http.Response, latency time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered, t.latency, t.status, t.statusText, t.header = true, latency, resp.StatusCode, resp.Status, resp.Header
}

func (t *told) setSent(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = max(d, 1)
}

func (t *told) setRetries(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.retries, t.looped = n, true
}

func (t *told) setDuration(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.duration = max(d, 1)
}

func (t *told) latencyOf() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.latency
}

// get returns the value of a placeholder.
func (t *told) get(key string) (any, bool) {
	name, ok := strings.CutPrefix(key, placeholderPrefix)
	if !ok {
		return nil, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hidden {
		return nil, false
	}
	if of, ok := strings.CutPrefix(name, "upstream."); ok {
		return t.upstream(of)
	}
	if field, ok := strings.CutPrefix(name, "header."); ok {
		values, ok := t.header[field]
		if !ok {
			return nil, false
		}
		return strings.Join(values, ","), true
	}
	switch name {
	case "status_code":
		return t.status, t.answered
	case "status_text":
		return t.statusText, t.answered
	case "retries":
		return t.retries, t.looped
	case "duration":
		return t.duration, t.duration > 0
	case "duration_ms":
		return t.duration.Seconds() * 1e3, t.duration > 0
	}
	return nil, false
}

func (t *told) upstream(name string) (any, bool) {
	switch name {
	case "latency":
		return t.latency, t.answered
	case "latency_ms":
		return t.latency.Seconds() * 1e3, t.answered
	case "duration":
		return t.sent, t.sent > 0
	case "duration_ms":
		return t.sent.Seconds() * 1e3, t.sent > 0
	}
	if t.at == nil {
		return nil, false
	}
	switch name {
	case "address":
		return t.at.info.String(), true
	case "hostport":
		return t.at.info.Address, true
	case "host":
		return t.at.info.Host, true
	case "port":
		return t.at.info.Port, true
	case "requests":
		return t.requests, true
	case "max_requests":
		return 0, true
	case "fails":
		return t.at.info.Upstream.Fails(), true
	}
	return nil, false
}
