package luart

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// subscriptionScript receives messages in each place where a script can.
const subscriptionScript = `
	local api = rover.server {}
	local news = rover.store("news")
	local all = rover.subscribe("all") -- of the top level: it ends with the script
	local function events(subscribe)
		local sub = subscribe()
		return api.sse(function()
			sub = sub or subscribe()
			local v, why = sub:recv()
			return rover.version .. " " .. (v or why)
		end)
	end
	function api.topic.get() return events(function() return rover.subscribe("all") end) end
	function api.store.get() return events(function() return news:subscribe("all") end) end
	function api.late.get() -- made by the producer, not by the handler
		local late
		return events(function() if late then return rover.subscribe("all") end late = true end)
	end
	function api.top.get() return events(function() return all end) end
	function api.task.get() -- begins background work when it hears of something
		local sub, heard = rover.subscribe("all"), rover.channel("heard", 1)
		return api.sse(function()
			sub:recv()
			rover.spawn(function() heard:send(select(2, rover.subscribe("all"):recv(60))) end)
			return heard:recv()
		end)
	end
	function api.publish.p_text.get(ctx)
		rover.publish("all", ctx:param("text"))
		news:publish("all", ctx:param("text"))
	end
	return api`

// openEvents begins an event stream, and returns when its producer waits.
func openEvents(t *testing.T, path string) (*server, io.Reader) {
	t.Helper()
	s, h := newStreamServer(t)
	s.vm.headPatience = time.Millisecond
	if err := s.load(subscriptionScript); err != nil {
		t.Fatal(err)
	}
	resp, _ := get(t, h.URL+path)
	s.inFlight(func(calls []Call) bool { return len(calls) == 1 && strings.Contains(calls[0].WaitsOn, "subscription") })
	return s, resp.Body
}

// reload replaces the script by the same one, of another version.
func (s *server) reload(version int) {
	s.t.Helper()
	old := s.gen
	if err := s.load(subscriptionScript, func(s *Script) { s.Version = version }); err != nil {
		s.t.Fatal(err)
	}
	old.Retire()
}

// A subscription that a request has made is the request's: a reload, which a stream outlives, leaves
// it alone.
func TestSubscriptionsOfRequestsOutliveReloads(t *testing.T) {
	for _, path := range []string{"/topic", "/store", "/late"} {
		t.Run(path[1:], func(t *testing.T) {
			s, events := openEvents(t, path)
			for i := range 4 {
				s.do(fmt.Sprintf("GET /publish/n%d", i), "")
				read(t, events, fmt.Sprintf("data: 1 n%d\n\n", i))
				s.reload(i + 2)
			}
		})
	}
}

// What no request has made ends with its version of the script.
func TestOtherSubscriptionsEndWithTheirScript(t *testing.T) {
	s, events := openEvents(t, "/top")
	s.do("GET /publish/before", "")
	read(t, events, "data: 1 before\n\n")
	s.reload(2)
	read(t, events, "data: 1 closed\n\n")
}

// So does what begins after that: it would never end.
func TestSubscriptionOfAReplacedScript(t *testing.T) {
	s, events := openEvents(t, "/task")
	s.reload(2)
	s.do("GET /publish/go", "")
	read(t, events, "data: closed\n\n")
}
