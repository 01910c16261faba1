package luart

import (
	"strings"
	"testing"
)

const failing = `
	local api = rover.server {}
	local mode = rover.state("mode")
	function api.before.guard(ctx) if ctx:query().guard then error("guard broke") end end
	function api.fine.get(ctx) return "fine" end
	function api.broken.any(ctx)
		ctx:set_header("X-Changed", "yes"):remove_header("X-Kept"):rewrite("/other", "q=1"):set_method("PUT")
		ctx:set_body(ctx:body():text() .. " changed")
		error("broke")
	end
	function api.plain.any(ctx) ctx:set_body("changed") error("broke") end
	function api.taken.get() error { status = 409, message = "taken" } end
	function api.after.hook(ctx, res)
		local what = ctx:query().after
		if what then
			res:set_header("X-After", "half done") res.status = 418
			if what == "raise" then error("after broke") end
			while true do rover.vm.spend() end
		end
	end
	function api.loop.get() while true do rover.vm.spend() end end
	function api.guarded.before.loop() while true do rover.vm.spend() end end
	return api`

func TestOnFailurePass(t *testing.T) {
	s := newServer(t, failing, withSpend, func(s *Script) { s.OnFailure = FailPass })
	for range 2 {
		w := s.do("POST /broken?a=1", "body", "X-Kept: kept")
		if got := answer(w); got != "200 POST /broken?a=1 body" {
			t.Errorf("got %q", got)
		}
		if got := answer(s.do("POST /plain", "as it came")); got != "200 POST /plain as it came" {
			t.Errorf("got %q", got)
		}
	}
	s.expect("GET /fine", "200 fine")
	s.expect("GET /taken", `409 {"error":"taken"}`) // that is no failure
	s.expect("GET /broken?guard=1", `500 {"error":"internal error"}`)
	s.expect("GET /unrouted?guard=1", `500 {"error":"internal error"}`)
	for _, path := range []string{"/fine?after=raise", "/unrouted?after=raise"} {
		w := s.do("GET "+path, "")
		if w.Code != 200 || w.Header().Get("X-After") != "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	if n := len(s.logged("script error")); n != 4+4+2+2 { // handlers, guards, 409s, after hooks
		t.Errorf("%d errors logged", n)
	}
}

func TestOnFailureClosed(t *testing.T) {
	s := newServer(t, failing, withSpend)
	for _, path := range []string{"/broken", "/fine?after=raise", "/unrouted?after=raise", "/fine?guard=1"} {
		s.expect("GET "+path, `500 {"error":"internal error"}`)
	}
}

// A body that Lua had read only a part of cannot go on.
func TestOnFailurePassNeedsTheWholeBody(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.any(ctx) ctx:body() return "read" end
		return api`, func(s *Script) { s.OnFailure = FailPass; s.MaxBody = 4 })
	if got := answer(s.do("POST /", "too long")); !strings.HasPrefix(got, "413 ") {
		t.Errorf("got %q", got)
	}
}

// The answer to a handler that was ended goes through the after hooks like any other.
func TestAfterHooksOfAnEndedHandler(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get() while true do rover.vm.spend() end end
		function api.after.hook(ctx, res) res:set_header("X-After", tostring(res.status)) end
		return api`, withSpend)
	if w := s.do("GET /", ""); w.Code != 500 || w.Header().Get("X-After") != "500" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

// A function of rover.parallel that has to be ended ends its caller, whatever that catches.
func TestParallelRunaway(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get()
			pcall(rover.parallel, { function() rover.sleep(3600) end, function() while true do rover.vm.spend() end end })
			return "escaped"
		end
		return api`, withSpend)
	s.expect("GET /", `500 {"error":"internal error"}`)
	if n := s.vm.Counters().Kills; n != 2 {
		t.Errorf("%d kills counted", n)
	}
}
