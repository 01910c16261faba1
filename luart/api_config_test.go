package luart

import (
	"strings"
	"testing"
)

// api.config is what rover.server was given. Dependencies are how they are, and can be set.
func TestAPIConfig(t *testing.T) {
	s := newServer(t, `
		local api = rover.server { health = { live = "/up" }, port = 8080, body_size_limit = 100,
			readiness = { dependencies = { redis = true, db = function() return true end } } }
		local early = api.config.port
		api.config.readiness.dependencies.redis = false
		function api.values.get()
			local c = api.config
			return { c.port, early, c.health.live, c.readiness.dependencies.redis, c.tls == nil, c.nothing == nil, c.readiness.dependencies.none == nil }
		end
		function api.code.get(ctx) return tostring((select(2, pcall(loadstring("local api = ... " .. ctx:query().code), api)))) end
		return api`)
	if got, want := answer(s.do("GET /values", "")), `200 [8080,8080,"/up",false,true,true,true]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for code, want := range map[string]string{
		`api.config.readiness.dependencies.redis=1`:   "api.config.readiness.dependencies.redis must be a boolean, not a number",
		`api.config.readiness.dependencies.redis=nil`: "must be a boolean, not a nil",
		`api.config.readiness.dependencies.reds=true`: `has no dependency "reds"; did you mean redis?`,
		`api.config.readiness.dependencies.db=true`:   "how db is says the function",
		`api.config.readiness.dependencies={}`:        "api.config.readiness.dependencies: options are given to rover.server",
		`api.config.port=1`:                           "api.config.port: options are given to rover.server; what a script changes is api.config.readiness.dependencies",
		`api.config.health.live="/x"`:                 "api.config.health.live: options are given",
		`api.config={}`:                               "routes",
		`return+getmetatable(api.config)`:             "false",
	} {
		if got := s.do("GET /code?code="+strings.ReplaceAll(code, "+", "%20"), "").Body.String(); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", code, got, want)
		}
	}
	if got := answer(s.do("GET /code?code=api.config.readiness.dependencies.redis=true", "")); got != "200 nil" {
		t.Errorf("got %s", got)
	}
	if got := readinessOf(t, s.gen); got != "{}" && strings.Contains(got, "redis") {
		t.Errorf("got %s", got)
	}
}

// A script that routes /config has its places there.
func TestAPIConfigRouted(t *testing.T) {
	s := newServer(t, `
		local api = rover.server { port = 8080 }
		function api.config.get() return "the route" end
		function api.config.port.get() return "below" end
		function api.kind.get() return type(api.config.get) end
		return api`)
	for request, want := range map[string]string{
		"GET /config": "200 the route", "GET /config/port": "200 below", "GET /kind": "200 function",
	} {
		if got := answer(s.do(request, "")); got != want {
			t.Errorf("%s: got %s, want %s", request, got, want)
		}
	}
	s = newServer(t, `
		local api = rover.server { port = 8080 }
		function api.config.other.get() return "a segment that is no option" end
		return api`)
	if got := answer(s.do("GET /config/other", "")); got != "200 a segment that is no option" {
		t.Errorf("got %s", got)
	}
	s = &server{t: t, vm: newVM(t, VMOptions{})}
	defer s.vm.Close(t.Context())
	err := s.load("local api = rover.server { health = {} }\nfunction api.config.health.get() end\nreturn api")
	if err == nil || !strings.Contains(err.Error(), "api.config.health.get: options are given to rover.server") {
		t.Errorf("got %v", err)
	}
}
