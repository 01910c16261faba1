package luart

import "testing"

// A keyed field at the end of a table constructor is no list.
func TestTableConstructorEndsWithAKey(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local function two() return "a", "b" end
		local function count(t) local n = 0 for _ in pairs(t) do n = n + 1 end return n end
		function api.call.get() return count { 1, 2, x = two() } end
		function api.key.get() return count { two(), [3] = two() } end
		function api.dots.get() local function f(...) return count { 1, x = ... } end return f(7, 8, 9) end
		function api.value.get() local t = { 1, x = two() } return t[1] .. t.x .. tostring(t[2]) end
		function api.many.get()
			local t = { 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,
				26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50, x = two() }
			return count(t) .. " " .. t[50]
		end
		function api.last.get() return count { x = 1, two() } end
		return api`)
	s.expect("GET /call", "200 3")
	s.expect("GET /key", "200 2")
	s.expect("GET /dots", "200 2")
	s.expect("GET /value", "200 1anil")
	s.expect("GET /many", "200 51 50")
	s.expect("GET /last", "200 3")
}
