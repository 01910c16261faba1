package luart

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHTTPStream(t *testing.T) {
	u := newUpstream(t)
	runHTTPCases(t, u, [][2]string{
		{`local r = http.get(up .. "/big?n=48", { stream = true }) local t = {} for l in r:lines() do t[#t + 1] = #l end return r.status, table.concat(t, ",")`, "200 | 15,15,15"},
		{`local r = http.get(up .. "/big?n=160000", { stream = true }) local n, k = 0, 0 for c in r:chunks(1000) do n = n + #c if #c > 1000 then error("large") end k = k + 1 end return n, k >= 160`, "160000 | true"},
		{`local r = http.get(up .. "/big?n=160000", { stream = true }) local n = 0 for l in r:lines(15) do n = n + 1 end return n, r:read(5), r:read()`, "10000 | nil | nil"},
		{`local r = http.get(up .. "/big?n=48", { stream = true }) return r:read(3), #r:read(40), #r:read(40), r:read(40)`, "012 | 40 | 5 | nil"},
		{`local r = http.get(up .. "/big?n=48", { stream = true }) r:read(16) return r:lines()(), #r:read(), r:read()`, "0123456789abcde | 16 | nil"},
		{`local r = http.get(up .. "/status?s=200&body=a%0D%0A%0Ab", { stream = true }) local t = {} for l in r:lines() do t[#t + 1] = "<" .. l .. ">" end return table.concat(t)`, "<a><><b>"},
		{`local r = http.get(up .. "/status?s=200", { stream = true }) return r:lines()(), r:chunks()(), r:read(1), r:read()`, "nil | nil | nil | nil"},
		{`local r = http.head(up .. "/big?n=48", { stream = true }) return r.status, r:read()`, "200 | nil"},
		{`local r = http.get(up .. "/big?n=48") return #r.body, r:read(3), r:lines()(), #r:read(), r:read()`, "48 | 012 | 3456789abcde | 32 | nil"},

		{`local r = http.get(up .. "/big?n=48", { stream = true }) return r.body`, "raised | app.lua:21: the response is a stream: read it with res:read(), res:lines() or res:chunks()"},
		{`local r = http.get(up .. "/big?n=48", { stream = true }) return r.data`, "raised | app.lua:22: the response is a stream: read it with res:read(), res:lines() or res:chunks()"},
		{`local r = http.get(up .. "/big?n=48", { stream = true }) r:close() r:close() return r:read(1)`, "raised | app.lua:23: the response is closed: it ends with the request that opened it, or with res:close()"},
		{`local r = http.get(up .. "/big?n=48", { stream = true }) for l in r:lines(14) do end`, "raised | app.lua:24: too large: a line of the response is longer than 14 bytes"},
		{`local r = http.get(up .. "/big?n=160000", { stream = true, max_body = 100 }) for l in r:chunks() do end`, "raised | app.lua:25: too large: the body of the response is longer than 100 bytes"},
		{`local r = http.get(up .. "/big?n=20000000", { stream = true }) return r:read()`, "raised | app.lua:26: too large: more than 10485760 bytes of the response are left"},
		{`local r, n = http.get(up .. "/cut", { stream = true }), 0
		  local ok, err = pcall(function() for l in r:lines() do n = n + 1 end end) return n, err, select(2, pcall(r.read, r, 1))`, "2 | app.lua:28: protocol: the server closed the connection before the response was complete | app.lua:28: the response is closed: it ends with the request that opened it, or with res:close()"},
		{`return http.get(up .. "/hang", { stream = true, timeout = 0.01 })`, "nil | timeout: the request took longer than 10ms"},
		{`local r = http.get(up .. "/stream", { stream = true, timeout = 0.05 }) return r:read(1)`, "raised | app.lua:30: timeout: the request took longer than 50ms"},
		{
			`local r, reading = http.get(up .. "/stream", { stream = true })
		  local function first() reading = true return (select(2, pcall(r.read, r, 1))) end
		  local function second() while not reading do rover.sleep(0.001) end local _, err = pcall(r.read, r, 1) r:close() return err end
		  return rover.parallel { first, second }`,
			"app.lua:32: cancelled: the response was closed | app.lua:33: the response is being read by another function",
		},
		{`local r = rover.parallel { function() return http.get(up .. "/stream", { stream = true }) end } return r:read(1)`, "raised | app.lua:35: the response is closed: it ends with the request that opened it, or with res:close()"},
	})
}

// What is read is what is there: a line arrives while the response stays open. The
// stream ends with the request, whatever happens to it.
func TestHTTPStreamEndsWithTheRequest(t *testing.T) {
	u := newUpstream(t)
	s := newCaller(t, u, `
		local kept
		function api.first.get()
			kept = rover.http.get(up .. "/stream", { stream = true })
			return kept:lines()()
		end
		function api.fails.get()
			rover.http.get(up .. "/stream", { stream = true }):read(1)
			error("no", 0)
		end
		function api.background.get()
			rover.spawn(function() rover.http.get(up .. "/stream", { stream = true }):read(1) end)
		end
		function api.hook.get(ctx) ctx:set("res", rover.http.get(up .. "/stream", { stream = true })) return api.pass() end
		function api.hook.after.later(ctx, res) res:set_header("X-Line", ctx:get("res"):lines()()) end
		function api.kept.get() return select(2, pcall(kept.read, kept, 1)) end`)
	for _, test := range []struct{ path, sent, want string }{
		{"/first", "line\nmore", "200 line"},
		{"/fails", "x", "500"},
		{"/background", "x", "204"},
		{"/hook", "line\n", "200 GET /hook"},
	} {
		done := make(chan *httptest.ResponseRecorder)
		go func() { done <- s.do("GET "+test.path, "") }()
		u.more <- test.sent
		w := <-done
		if got := answer(w); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s", test.path, got)
		}
		if test.path == "/hook" && w.Header().Get("X-Line") != "line" {
			t.Errorf("header %v", w.Header())
		}
		<-u.gone
	}
	s.expect("GET /kept", "200 app.lua:18: the response is closed: it ends with the request that opened it, or with res:close()")
}
