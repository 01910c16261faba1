package luart

import (
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// abuse is what a handler may do to a server that is not careful. Each ends in an error that says why, for that
// request alone, and the process stays within maxAbuseBytes.
var abuse = []struct{ name, body, want string }{
	// Patterns: nothing but burst ends these.
	{"find", `return ("a"):rep(40):find(("a*"):rep(30) .. "b")`, "longer than burst"},
	{"match lazy", `return ("a"):rep(40):match(("a-"):rep(30) .. "b")`, "longer than burst"},
	{"match optional", `return ("a"):rep(40):match(("a?"):rep(40) .. ("a"):rep(41))`, "longer than burst"},
	{"gmatch", `for _ in ("a"):rep(40):gmatch(("a*"):rep(30) .. "b") do end`, "longer than burst"},
	{"gsub", `return ("a"):rep(40):gsub(("a*"):rep(30) .. "b", "")`, "longer than burst"},
	{"gsub of a long string", `return (" "):rep(2^24 - 1):gsub("%s*$x", "")`, "longer than burst"},
	{"balance", `return ("("):rep(2^24):find("%b()")`, "longer than burst"},
	{"back reference", `return ("a"):rep(2^22):find("(a+)%1b")`, "longer than burst"},
	{"gsub, nothing with much", `return ("a"):rep(2^22):gsub("", ("%0"):rep(2^23))`, "longer than burst"},
	{"caught", `while true do pcall(string.find, ("a"):rep(40), ("a*"):rep(30) .. "b") end`, "longer than burst"},
	{"in a coroutine", `return coroutine.wrap(function() return ("a"):rep(40):find(("a*"):rep(30) .. "b") end)()`, "longer than burst"},
	{"pattern too long", `return ("x"):find(("a*"):rep(2^20))`, "pattern too long"},
	{"doubling", `local s = "x" while true do s = s .. s end`, "app.lua:3: string longer than 16777216 bytes"},
	{"chain", `local s = ("x"):rep(2^24) return ` + strings.Repeat("s .. ", 189) + `s`, "string longer than 16777216 bytes"},
	{"doubling caught", `local s = "x" while true do pcall(function() s = s .. s end) end`, "longer than burst"},
	{"doubling in __concat", `local t = setmetatable({}, {__concat = function(t, s) return s .. s end}) local s = "x" while true do s = t .. s end`, "string longer than"},
	{"re, many matches", `return rover.re.gsub(("a"):rep(2^24), "", function() end)`, "longer than burst"},
	{"re, one match", `return rover.re.find(("a"):rep(2^24), "(a?){100}(a*){100}b")`, "longer than burst"},
	{"re, looking back", `return rover.re.gsub(("a"):rep(2^20), [[\B(.*b)?]], "")`, "longer than burst"},
	{"re, quadratic", `for m in rover.re.gmatch(("a"):rep(2^20), "a(.*b)?") do end`, "longer than burst"},
	{"re, replacement", `return rover.re.gsub(("a"):rep(2^14), "", ("$0"):rep(10000))`, "longer than burst"},
	{"re, result", `return rover.re.gsub(("a"):rep(2^14), "a", ("$0"):rep(10000))`, "resulting string too large"},
	{"re, groups", `return rover.re.gsub("a", "a", ("$0"):rep(2^23))`, "more than 10000 groups"},
	{"re, dollars", `return #rover.re.gsub("a", "a", ("$$"):rep(2^23)) + nil`, "cannot perform add"},
	{"re, expression", `return rover.re.match("a", ("a{1000}"):rep(200))`, "too large when its repetitions are written out"},
	{"re, long expression", `return rover.re.match("a", ("a"):rep(2^24))`, "the limit is 16384"},
	{"re, nesting", `return rover.re.match("a", ("("):rep(2^13) .. (")"):rep(2^13))`, "bad argument #2 to match"},
	{"re, classes", `for i = 1, 1e9 do rover.re.match("a", ([[\pL]]):rep(160) .. i) end`, "longer than burst"},
	{"re, pieces", `return rover.re.split(("a"):rep(2^22), "")`, "too many pieces"},
	{"patterns of data", `for i = 1, 1e9 do (""):find("^" .. i) end`, "longer than burst"},
}

// maxAbuseBytes is what the heap may grow to meanwhile.
const maxAbuseBytes = 512 << 20

func TestAbuse(t *testing.T) {
	for _, c := range abuse {
		t.Run(c.name, func(t *testing.T) {
			burst := 150 * time.Millisecond
			if !strings.Contains(c.want, "burst") {
				burst = 20 * time.Second
			}
			s := newServer(t, `
				local api = rover.server {}
				function api.abuse.get() `+c.body+` end
				function api.fine.get() return "fine" end
				return api`, withBurst(burst))
			stop := watchHeap()
			got := answer(s.do("GET /abuse", ""))
			if peak := stop(); peak > maxAbuseBytes {
				t.Errorf("the heap grew to %d MiB", peak>>20)
			}
			logs := s.logged("script error")
			switch {
			case got != `500 {"error":"internal error"}`:
				t.Errorf("answered %.200s", got)
			case len(logs) != 1:
				t.Errorf("%d errors logged", len(logs))
			default:
				if msg := logs[0].ContextMap()["error"].(string); !strings.Contains(msg, c.want) {
					t.Errorf("logged %.300q, want %q", msg, c.want)
				}
			}
			s.expect("GET /fine", "200 fine")
		})
	}
}

// watchHeap returns a function that says how large the heap has become at most since.
func watchHeap() (stop func() (peak uint64)) {
	done, peaks := make(chan struct{}), make(chan uint64)
	go func() {
		heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for peak := uint64(0); ; {
			metrics.Read(heap)
			peak = max(peak, heap[0].Value.Uint64())
			select {
			case <-tick.C:
			case <-done:
				peaks <- peak
				return
			}
		}
	}()
	return func() uint64 { close(done); return <-peaks }
}
