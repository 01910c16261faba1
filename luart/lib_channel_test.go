package luart

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

const channelScript = `
	local api = rover.server {}
	local log = rover.state("log", {})
	local function ch() return rover.channel("ch") end
	function api.send.p_v.get(ctx) return ch():send(ctx:param("v")) end
	function api.recv.get() local v, why = ch():recv() log[#log + 1] = v return v or why end
	function api.close.get() ch():close() return "ok" end
	function api.capacity.p_n.get(ctx) rover.channel("ch", tonumber(ctx:param("n"))) return "ok" end
	function api.len.get() return #ch() end
	function api.log.get() return table.concat(log, " ") end
	return api`

// Senders and receivers are served in the order in which they came; those who left are
// not.
func TestChannelOrder(t *testing.T) {
	s := newServer(t, channelScript)
	receivers := make([]*pending, 4)
	for i := range receivers {
		receivers[i] = s.beginWaiting("GET /recv")
	}
	receivers[1].leave()
	receivers[1].expect(gone)
	for i, v := range []string{"a", "", "b", "c"} {
		if v != "" {
			s.once("GET /send/"+v, "200 true")
			receivers[i].expect("200 " + v)
		}
	}
	senders := make([]*pending, 4)
	for i := range senders {
		senders[i] = s.beginWaiting(fmt.Sprintf("GET /send/%d", i))
	}
	senders[2].leave()
	senders[2].expect(gone)
	s.once("GET /capacity/1", "200 ok") // lets the first in
	senders[0].expect("200 true")
	s.once("GET /recv", "200 0")
	senders[1].expect("200 true")
	s.once("GET /recv", "200 1")
	s.once("GET /recv", "200 3")
	senders[3].expect("200 true")
	s.expect("GET /len", "200 0")
}

func TestChannelClose(t *testing.T) {
	s := newServer(t, channelScript)
	r := s.beginWaiting("GET /recv")
	s.once("GET /close", "200 ok")
	r.expect("200 closed")
	w := s.beginWaiting("GET /send/x")
	s.once("GET /close", "200 ok")
	w.expect(`500 {"error":"internal error"}`)
	if msg := s.logged("script error")[0].ContextMap()["error"].(string); !strings.Contains(msg, `channel "ch" is closed`) {
		t.Error(msg)
	}
	s.held(func() {
		if n := s.vm.countedByLibraries()["channels"]; n != 0 {
			t.Errorf("%d channels", n)
		}
	})
}

// A value that is handed to one whose client leaves at that moment goes to the next who
// waits, or back to where it was.
func TestChannelHandedToOneWhoLeaves(t *testing.T) {
	s := newServer(t, channelScript)
	first, second := s.beginWaiting("GET /recv"), s.beginWaiting("GET /recv")
	s.atomically(`rover.channel("ch"):send("a", 0) rover.hook()`, func() { first.leave() })
	first.expect(gone)
	second.expect("200 a")

	all := []*pending{s.beginWaiting("GET /recv"), s.beginWaiting("GET /recv"), s.beginWaiting("GET /recv")}
	s.atomically(`for v in ("bcd"):gmatch(".") do rover.channel("ch"):send(v, 0) end rover.hook()`, func() {
		all[0].leave()
		all[2].leave()
	})
	all[0].expect(gone)
	all[1].expect("200 c")
	all[2].expect(gone)
	s.expect("GET /len", "200 2")
	s.once("GET /recv", "200 b")
	s.once("GET /recv", "200 d")
	s.expect("GET /log", "200 a c b d")
	s.held(func() {
		for _, k := range s.vm.keptByLibraries() {
			if bytes, _ := k.Size(); k.Name == "rover.channel ch" && bytes != 0 {
				t.Errorf("%d bytes in an empty channel", bytes)
			}
		}
	})
}

// With half of the clients leaving at any time nothing is lost, and nothing comes twice.
// A sender that leaves may have sent.
func TestChannelManyLeave(t *testing.T) {
	for _, capacity := range []int{0, 1, 5} {
		t.Run(fmt.Sprint(capacity), func(t *testing.T) {
			s := newServer(t, fmt.Sprintf(`
				local api = rover.server {}
				local state = rover.state("state", { sent = {}, got = {} })
				local ch = rover.channel("ch", %d)
				function api.send.p_v.get(ctx)
					local v = ctx:param("v")
					state.sent[v] = "tried"
					ch:send(v)
					state.sent[v] = "sent"
					return "ok"
				end
				local function note(v) state.got[v] = (state.got[v] or 0) + 1 end
				function api.recv.get() note(ch:recv()) return "ok" end
				function api.drain.get() for v in function() return (ch:recv(0)) end do note(v) end return "ok" end
				function api.check.get()
					local sent = 0
					for v, n in pairs(state.got) do
						if n ~= 1 or not state.sent[v] then return v .. " came " .. n .. " times" end
					end
					for v, how in pairs(state.sent) do
						if how == "sent" then
							sent = sent + 1
							if not state.got[v] then return v .. " is lost" end
						end
					end
					return sent
				end
				return api`, capacity))
			r := rand.New(rand.NewPCG(5, uint64(capacity)))
			var senders, receivers []*pending
			for i := range 200 {
				senders = append(senders, s.begin(fmt.Sprintf("GET /send/%d", i)))
				receivers = append(receivers, s.begin("GET /recv"), s.begin("GET /recv"))
				if i >= 20 { // those that have begun to wait, most likely
					senders[i-20].leaveIf(r.IntN(8) == 0)
					receivers[2*(i-20)+r.IntN(2)].leave()
				}
			}
			for _, p := range receivers[len(receivers)-40:] {
				p.leave()
			}
			sent := 0
			for _, p := range senders {
				for answered := false; !answered; {
					select {
					case got := <-p.result:
						answered = true
						if got == "200 ok" {
							sent++
						}
					default:
						s.once("GET /drain", "200 ok")
					}
				}
			}
			for _, p := range receivers {
				p.leave()
				<-p.result
			}
			s.once("GET /drain", "200 ok")
			s.once("GET /check", fmt.Sprintf("200 %d", sent))
			if sent < 100 {
				t.Errorf("only %d were sent", sent)
			}
		})
	}
}

// A worker in the background gets what requests send, through a reload, until the old
// generation's wait ends.
func TestChannelWorker(t *testing.T) {
	source := `
		local api = rover.server {}
		local sum = rover.state("sum", { n = 0 })
		local jobs = rover.channel("jobs", 10)
		rover.spawn(function() for job in jobs:iter() do sum.n = sum.n + job.n end end)
		function api.add.get() return jobs:send { n = 5 } end
		function api.sum.get() return sum.n end
		return api`
	s := newServer(t, source)
	s.untilWaiting(1)
	s.once("GET /add", "200 true")
	s.untilWaiting(1)
	old := s.gen
	if err := s.load(source); err != nil {
		t.Fatal(err)
	}
	s.untilWaiting(2)
	old.Retire()
	s.untilWaiting(1)
	s.once("GET /add", "200 true")
	for answer(s.do("GET /sum", "")) != "200 10" {
	}
}
