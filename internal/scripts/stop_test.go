package scripts

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart"
)

// What runs without an end, and may for an hour, does not keep the server from stopping: neither a
// handler, nor on_stop, nor what takes its turn after it.
func TestStopEndsWhatRuns(t *testing.T) {
	for name, onStop := range map[string]string{
		"nothing to call": "",
		"on_stop":         `api.on_stop(function() while true do pcall(function() while true do end end) end end)`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(script(t, filepath.Join(t.TempDir(), "app.lua"), `local api = rover.server {}
				function api.get() while true do pcall(function() while true do end end) end end
				`+onStop+` return api`), "")
			s.Settings.Burst, s.Settings.Timeout = time.Hour, 0
			g := newGroup(t)
			if err := begin(t, g, s); err != nil {
				t.Fatal(err)
			}
			answered := make(chan string)
			for range 2 {
				go func() { answered <- get(t, s, "/") }()
			}
			for runs := false; !runs; {
				calls, _, err := s.vm.InFlight(t.Context(), 10)
				if err != nil {
					t.Fatal(err)
				}
				runs = len(calls) > 0 && calls[0].State == luart.CallRuns
			}
			set := g.Sets()[0]
			stopGenerations(s.vm, set.alone(set.live()), true, 0)
			for n := 0; n < 2; {
				select {
				case got := <-answered:
					n++
					if want := `{"error":"unavailable"}`; got != want {
						t.Errorf("%s, want %s", got, want)
					}
				default: // it has come behind the stop
					s.vm.Interrupt(t.Context())
				}
			}
		})
	}
}
