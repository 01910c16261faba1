package luart

import "testing"

// A handler that empties a large table and waits on the way does not miss an entry when the memory
// counter compacts the table meanwhile.
func TestPairsMissesNoKeyWhileTheMemoryIsCounted(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		local jobs, counted = rover.state("jobs"), rover.channel("counted", 1)
		function api.drain.get()
			for i = 1, 3000 do jobs["k" .. i] = true end
			local n = 0
			for k in pairs(jobs) do
				jobs[k] = nil
				n = n + 1
				if n == 1700 then counted:recv() end
			end
			return n .. " " .. tostring(next(jobs))
		end
		function api.counted.post() counted:send(true) end
		return api`)
	drain := s.beginWaiting("GET /drain")
	heapCountOf(t, s.vm)
	s.once("POST /counted", "204 ")
	drain.expect("200 3000 nil")
}
