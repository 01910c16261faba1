package luart

import (
	"testing"
	"time"
)

// A function of gsub may wait, and use the library meanwhile.
func TestREWaits(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get()
			local text = rover.re.gsub("abc", "[ac]", function(c)
				rover.sleep(0)
				return (rover.re.gsub(c, "[ac]", "<$0>"))
			end)
			return text
		end
		return api`)
	s.expect("GET /", "200 <a>b<c>")
}

// What is read by way of a reader gives the same as what is not.
func TestRELongSubject(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		function api.get()
			local s = ("x"):rep(2^19) .. " key\255=\195\164  " .. ("y "):rep(2^10)
			local re = rover.re.compile("(?s)\\b(\\w{1,20}).=(..)\\B")
			assert(re:find(s) == 2^19 + 2)
			local k, v = re:match(s)
			assert(k == "key" and v == "\195\164 ", k)
			assert(select(2, rover.re.gsub(s, "\\b(y)(?: |$)", "$1")) == 2^10)
			assert(not rover.re.find(s, "(z|[a-f]{1,20}){1,20}g"))
			return "ok"
		end
		return api`, withBurst(10*time.Minute))
	s.expect("GET /", "200 ok")
	for _, l := range s.logged("script error") {
		t.Error(l.ContextMap()["error"])
	}
}
