package luart

import "testing"

// A request that a before hook rewrites to a place counts there as one that came for it.
func TestLimitOfRewritten(t *testing.T) {
	s := newServer(t, `
		local api = rover.server { rate_limit = { global = false, scoped = {
			{ path_pattern = "/scoped/*", requests_per_window = 2 }, { path_pattern = "/other/*", requests_per_window = 2 },
		} } }
		api.before.first = function(ctx)
			local to = ctx:header("X-To")
			if to then ctx:rewrite(to) end
		end
		local later = 0
		api.before.later = function() later = later + 1 end
		function api.later.get() return tostring(later) end
		api.limit { rate = 1000, per = 60 }
		api.login.limit { rate = 2, per = 60 }
		api.by_header.limit { rate = 1, per = 60, key = "header:X-Key" }
		api.app.limit { rate = 3, per = 60, name = "app" }
		api.shop.limit { rate = 3, per = 60, name = "app" }
		api.mine.auth { jwt = ("k"):rep(32) }
		api.mine.limit { rate = 1, per = 60, key = "jwt:sub" }
		return api`)
	for _, c := range []struct {
		n             int
		request, want string
		headers       []string
	}{
		{1, "GET /login", "200", nil},
		{3, "GET /x", "200 429 429", []string{"X-To: /login"}},
		{1, "GET /x", "429", []string{"X-To: /LOGIN/reset"}},
		{1, "GET /login", "429", nil},
		{2, "GET /x", "200 429", []string{"X-To: /by_header", "X-Key: a"}},
		{1, "GET /x", "400", []string{"X-To: /by_header", "X-Key: a", "X-Key: b"}},
		{1, "GET /by_header", "429", []string{"X-Key: a"}},
		{2, "GET /app", "200 200", []string{"X-To: /shop"}}, // one name: each counts once
		{2, "GET /app", "200 429", []string{"X-To: /shop"}},
		{3, "GET /x", "200 200 429", []string{"X-To: /scoped/a"}},
		{1, "GET /scoped/b", "429", nil},
		{3, "GET /other/a", "200 200 429", []string{"X-To: /other/b"}}, // one limit: once
		{2, "GET /x", "401 401", []string{"X-To: /mine"}},
		{2, "GET /x", "200 429", []string{"X-To: /mine", "Authorization: Bearer " + hs256("k", `{"sub":"ann",`+far+`}`)}},
		{1, "GET /x", "200", []string{"X-To: /mine", "Authorization: Bearer " + hs256("k", `{"sub":"bob",`+far+`}`)}},
	} {
		if got := s.statuses(c.n, c.request, c.headers...); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.request, c.headers, got, c.want)
		}
	}
	w := s.do("GET /x", "", "X-To: /login")
	if got := answer(w); got != `429 {"error":"Too many requests"}` || w.Header().Get("Retry-After") == "" || w.Header().Get("Ratelimit-Limit") != "2" {
		t.Errorf("%s %v", got, w.Header())
	}
	if got := answer(s.do("GET /later", "")); got != "200 13" { // of all that were let through, and this one
		t.Errorf("the hook behind the rules has run for: %s", got)
	}
}
