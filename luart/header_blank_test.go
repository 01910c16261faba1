package luart

import "testing"

// A value that gets to the other side as another one is an error: " root" would be root there.
func TestHeaderBlanks(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local values = { blank = " root", behind = "root ", tab = "\troot", both = "\t ", inner = "ro ot", none = "" }
		local ways = {
			set = function(ctx, v) ctx:set_header("X-User", v) end,
			add = function(ctx, v) ctx:add_header("X-User", v) end,
			json = function(ctx, v) return api:json({}, 200, { ["X-User"] = v }) end,
		}
		function api.p_way.p_value.get(ctx)
			local ok, err = pcall(ways[ctx:param("way")], ctx, values[ctx:param("value")])
			return ok and "goes on" or tostring(err):match("begins or ends with a blank") or tostring(err)
		end
		return api`)
	for _, way := range []string{"set", "add", "json"} {
		for _, value := range []string{"blank", "behind", "tab", "both"} {
			s.expect("GET /"+way+"/"+value, "200 begins or ends with a blank")
		}
		for _, value := range []string{"inner", "none"} {
			s.expect("GET /"+way+"/"+value, "200 goes on")
		}
	}
}
