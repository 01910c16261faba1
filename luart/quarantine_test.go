package luart

import "testing"

func TestQuarantine(t *testing.T) {
	pass, closed := FailPass, FailClosed
	const refused = `500 {"error":"internal error"}`
	for name, c := range map[string]struct {
		policy           *FailPolicy
		loop, after      string
		entersAfterThree bool
	}{
		"off":  {nil, refused, refused, true},
		"500":  {&closed, refused, refused, false},
		"pass": {&pass, "200 GET /loop ", "200 fine", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, failing, withSpend, func(s *Script) { s.Quarantine = c.policy })
			for range 3 {
				for _, path := range []string{"/loop", "/guarded/x", "/fine?after=loop"} {
					if got := answer(s.do("GET "+path, "")); got != refused {
						t.Errorf("%s: %s", path, got)
					}
				}
			}
			killed := s.vm.kills.Load()
			if killed != 9 {
				t.Errorf("%d kills counted", killed)
			}
			s.expect("GET /loop", c.loop)
			s.expect("GET /guarded/x", refused) // a guard lets nothing through
			s.expect("GET /fine?after=loop", c.after)
			if entered := s.vm.kills.Load() != killed; entered != c.entersAfterThree {
				t.Errorf("a function was ended again: %v", entered)
			}
			if want := 3; c.policy != nil && (len(s.logged("handler is in quarantine: it was ended for its burst or memory over and over")) != want || s.vm.quarantines.Load() != uint64(want)) {
				t.Errorf("%d quarantines", s.vm.quarantines.Load())
			}
			s.expect("GET /unrouted?guard=1", refused)
			if c.policy != nil { // the time is over
				for _, h := range handlersOf(s.gen.tree) {
					h.quarantine.until.Store(s.vm.budget.Now())
				}
				s.do("GET /loop", "")
				if s.vm.kills.Load() == killed {
					t.Error("the function was not called again")
				}
			}
		})
	}
}

// Kills that lie far apart are no reason.
func TestQuarantineNeedsSeveralInAWhile(t *testing.T) {
	closed := FailClosed
	s := newServer(t, failing, withSpend, func(s *Script) { s.Quarantine = &closed })
	for range 6 {
		s.do("GET /loop", "")
		for _, h := range handlersOf(s.gen.tree) { // it was a while ago
			for i := range h.quarantine.kills {
				h.quarantine.kills[i] -= int64(quarantineWithin/2) + 1
			}
		}
	}
	if n := s.vm.quarantines.Load(); n != 0 {
		t.Errorf("%d quarantines", n)
	}
}
