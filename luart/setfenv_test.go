package luart

import "testing"

// What setfenv(0, t) sets in a request ends with it, and what it sets while the script loads is
// where each request begins. Another script's function cannot set it for the one that has called.
func TestSetfenvOfThread(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local own = setmetatable({ name = "script" }, { __index = _G })
		assert(select("#", setfenv(0, own)) == 0)
		function api.get() return { name = loadstring("return name")(), own = getfenv(0) == own } end
		function api.set.get()
			setfenv(0, setmetatable({ name = "request" }, { __index = _G }))
			rover.sleep(0)
			local name = loadstring("return name")
			return { name = name(), inner = coroutine.wrap(function() return loadstring("return name")() end)() }
		end
		return api`)
	for range 3 {
		s.expect("GET /", `200 {"name":"script","own":true}`)
		s.expect("GET /set", `200 {"name":"request","inner":"request"}`)
	}

	s = newServer(t, `
		local api = rover.server {}
		rover.state("shared").set = function(env) return pcall(setfenv, 0, env or {}) end
		function api.get() return "first" end
		return api`)
	s.load(`
		local api = rover.server {}
		local set = rover.state("shared").set
		function api.get()
			local ok, err = set()
			local mine = pcall(setfenv, 0, setmetatable({ x = 1 }, { __index = _G }))
			return { foreign = ok, err = err, mine = mine, x = loadstring("return x")(), again = set(getfenv(0)) }
		end
		return api`)
	s.expect("GET /", `200 {"foreign":false,"err":"app.lua:3: 'setfenv' cannot change environment of given object","mine":true,"x":1,"again":false}`)
}
