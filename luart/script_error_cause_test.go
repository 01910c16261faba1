package luart

import (
	"strings"
	"testing"
)

// The cause of an error is for the log, the trace, the latest errors and on_error; no client sees it.
func TestErrorCause(t *testing.T) {
	const script = `
		local api = rover.server {}
		function api.get() error { status = 503, message = "later", cause = "dial 10.0.0.1" } end
		function api.caught.get()
			local ok, err = pcall(error, { status = 503, message = "later", cause = 5 })
			return tostring(err) .. " " .. err.cause
		end
		function api.passed.get()
			local ok, err = pcall(error, { status = 503, message = "later", cause = "dial" })
			return api:error(503, err)
		end
		function api.huge.get() error { status = 503, message = "later", cause = ("x"):rep(1e6) } end
		function api.odd.get() error { status = 503, message = "later", cause = {} } end`
	s := newServer(t, script+" return api")
	for _, path := range []string{"/", "/passed", "/huge", "/odd"} {
		if got := answer(s.do("GET "+path, "")); got != `503 {"error":"later"}` {
			t.Errorf("%s: %s", path, got)
		}
	}
	s.expect("GET /caught", "200 later 5")
	var logged []string
	for _, line := range s.logged("script error") {
		logged = append(logged, line.ContextMap()["error"].(string))
	}
	if len(logged) != 3 || logged[0] != "later: dial 10.0.0.1" || len(logged[1]) > 10_000 || logged[2] != "later" {
		t.Errorf("the log says %.100q", logged)
	}
	if recent := s.vm.RecentErrors(); len(recent) != 3 || recent[2].Message != "later: dial 10.0.0.1" {
		t.Errorf("%d errors are the latest", len(recent))
	}

	s = newServer(t, script+` api.on_error = function(err) return err.cause end return api`)
	s.expect("GET /", "503 dial 10.0.0.1")
	s = newServer(t, strings.Replace(script, "server {}", "server {}\n", 1)+" return api", func(s *Script) { s.Debug = true })
	s.expect("GET /", `503 {"error":"later"}`)
}
