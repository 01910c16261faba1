package luart

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/oidc/oidctest"
)

// Tabs log in apart from each other, and a browser that begins many logins keeps few cookies.
func TestOIDCTabs(t *testing.T) {
	s := newSite(t, VMOptions{}, "")
	b := s.browser()
	first, _ := b.page("/1")
	second, _ := b.page("/2")
	s.reload() // in the middle of both
	if to, _ := b.page(s.back(second)); to.Path != "/2" {
		t.Errorf("the second tab comes to %s", to)
	}
	if to, _ := b.page(s.back(first)); to.Path != "/1" {
		t.Errorf("the first tab comes to %s", to)
	}
	b = s.browser()
	for range 20 {
		b.page("/a")
	}
	if len(b.cookies) != 5 {
		t.Errorf("%d cookies", len(b.cookies))
	}
}

// The oldest of many attempts goes, also of those begun within a second, whatever the order of cookies is.
func TestOIDCOldestAttempt(t *testing.T) {
	c := clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), func() {})
	s := newSite(t, VMOptions{Clock: c}, "")
	s.p.Do(func(k *oidctest.Knobs) { k.Now = c.Now })
	b := s.browser()
	var begun []*url.URL
	for i := range 12 {
		to, _ := b.page(fmt.Sprintf("/%d", i))
		begun = append(begun, to)
		c.Advance(time.Millisecond, nil)
	}
	for i, to := range begun {
		want := http.StatusFound
		if i < 7 {
			want = http.StatusBadRequest
		}
		if _, w := b.page(s.back(to)); w.Code != want {
			t.Errorf("attempt %d of 12: %s", i, answer(w))
		}
	}
}

// While the provider is down nobody logs in, and who has goes on. It is asked again by itself.
func TestOIDCDown(t *testing.T) {
	c := clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), func() {})
	s := newSite(t, VMOptions{Clock: c}, "")
	s.p.Do(func(k *oidctest.Knobs) { k.Now = c.Now })
	const down = `503 {"error":"logins are not available now"}`
	const document = "/.well-known/openid-configuration"
	s.p.Do(func(k *oidctest.Knobs) { k.Down = true })
	b := s.browser()
	for range 5 {
		if _, w := b.page("/a"); answer(w) != down || w.Header().Get("Retry-After") == "" {
			t.Errorf("while it is down: %s", answer(w))
		}
	}
	if n := s.p.Seen(document); n != 1 {
		t.Errorf("asked %d times at once", n)
	}
	if n := s.logs.FilterMessage("script error").FilterLevelExact(zap.ErrorLevel).Len(); n != 1 {
		t.Errorf("the log has %d errors of 5 requests", n)
	}
	if n := s.logs.FilterMessage("script error").FilterLevelExact(zap.DebugLevel).Len(); n != 4 {
		t.Errorf("the log has %d lines of the others at level debug", n)
	}
	for name, change := range map[string]func(d map[string]any){
		"another issuer":   func(d map[string]any) { d["issuer"] = "https://evil.com" },
		"no HTTPS":         func(d map[string]any) { d["token_endpoint"] = "http://evil.com/token" },
		"no keys":          func(d map[string]any) { delete(d, "jwks_uri") },
		"PKCE of old":      func(d map[string]any) { d["code_challenge_methods_supported"] = []string{"plain"} },
		"a large document": func(d map[string]any) { d["x"] = strings.Repeat("x", 600<<10) },
	} {
		c.Advance(time.Minute, nil)
		s.p.Do(func(k *oidctest.Knobs) { k.Down, k.Document = false, change })
		if _, w := b.page("/a"); answer(w) != down {
			t.Errorf("%s: %s", name, answer(w))
		}
	}
	c.Advance(time.Minute, nil)
	s.p.Do(func(k *oidctest.Knobs) { k.Document = nil })
	before := s.p.Seen(document)
	for _, got := range atOnce(20, func() string {
		return fmt.Sprint(s.do("GET /a", "", acceptsHTML).Code)
	}) {
		if got != "302" {
			t.Errorf("when it is there again: %s", got)
		}
	}
	if n := s.p.Seen(document) - before; n != 1 {
		t.Errorf("asked %d times by 20 requests", n)
	}
	s.login(b, "/a")
	s.p.Do(func(k *oidctest.Knobs) { k.Down = true })
	s.reload()
	c.Advance(2*time.Hour, nil) // the document is old, and goes on
	if _, w := s.browser().page("/a"); w.Code != http.StatusFound {
		t.Errorf("with an old document: %s", answer(w))
	}
}

// Tokens are refreshed before they end: by one request, however many there are.
func TestOIDCRefresh(t *testing.T) {
	c := clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), func() {})
	s := newSite(t, VMOptions{Clock: c}, "session = rover.session.new { ttl = 86400 }, access_token = true")
	s.p.Do(func(k *oidctest.Knobs) { k.Now, k.Refresh, k.ExpiresIn = c.Now, true, 300 })
	b := s.browser()
	s.login(b, "/a")
	asked := func() int { return s.p.Seen("/token") }
	many := func() map[string]int {
		cookie := "Cookie: __Host-rover_session=" + b.cookies["__Host-rover_session"]
		all := map[string]int{}
		for _, got := range atOnce(20, func() string { return answer(s.do("GET /me", "", cookie)) }) {
			all[got]++
		}
		return all
	}
	for round := range 3 {
		before := asked()
		c.Advance(300*time.Second, nil)
		if all := many(); all["200 ann true"] != 20 || asked() != before+1 {
			t.Fatalf("round %d: %v, asked %d times", round, all, asked()-before)
		}
	}
	// In the last minute those who come go on with the old tokens meanwhile.
	c.Advance(250*time.Second, nil)
	release, held := make(chan struct{}), make(chan struct{}, 1)
	var stopped atomic.Int32
	s.p.Do(func(k *oidctest.Knobs) {
		k.Fail = map[string]func(http.ResponseWriter, *http.Request) bool{"/token": func(http.ResponseWriter, *http.Request) bool {
			stopped.Add(1)
			held <- struct{}{}
			<-release
			return false
		}}
	})
	old := b.do("GET /token", "")
	<-held
	b.expect("GET /token", old)
	close(release)
	for b.do("GET /token", "") == old { // until it has come to its end, which is by itself
		runtime.Gosched()
	}
	s.p.Do(func(k *oidctest.Knobs) { k.Fail = nil })
	c.Advance(40*time.Second, nil)
	b.expect("GET /me", "200 ann true")
	if stopped.Load() != 1 {
		t.Errorf("asked %d times", stopped.Load())
	}

	// A fault keeps the login until its tokens end.
	c.Advance(220*time.Second, nil)
	s.p.Do(func(k *oidctest.Knobs) { k.Down = true })
	b.expect("GET /me", "200 ann true")
	c.Advance(100*time.Second, nil)
	b.expect("GET /me", `503 {"error":"logins are not available now"}`)
	s.p.Do(func(k *oidctest.Knobs) { k.Down = false })
	c.Advance(100*time.Second, nil)
	b.expect("GET /me", "200 ann true")

	// Tokens of another user, and a refusal, end it.
	c.Advance(300*time.Second, nil)
	s.p.Revoke()
	b.expect("GET /me", `401 {"error":"Unauthorized: log in first"}`)
	s.login(b, "/a")
	c.Advance(300*time.Second, nil)
	s.p.Do(func(k *oidctest.Knobs) { k.User = jwt.MapClaims{"sub": "eve"} })
	b.expect("GET /me", `401 {"error":"Unauthorized: log in first"}`)

	// Without a refresh token it ends with its tokens.
	s.p.Do(func(k *oidctest.Knobs) { k.Refresh = false })
	s.login(b, "/a")
	b.expect("GET /me", "200 eve true")
	c.Advance(300*time.Second, nil)
	b.expect("GET /me", `401 {"error":"Unauthorized: log in first"}`)
}
