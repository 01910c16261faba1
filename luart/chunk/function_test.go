package chunk

import "testing"

func TestDefinedAs(t *testing.T) {
	for line, want := range map[string]string{
		"local function hot(n)":                 "hot",
		"function api.users.p_id.get(ctx)":      "api.users.p_id.get",
		"function M:close()":                    "M:close",
		"  handlers.x = function(a)":            "handlers.x",
		"pcall(function() return 1 end)":        "function",
		"f = function() end g = function() end": "function",
		"":                                      "function",
	} {
		if got := definedAs(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
