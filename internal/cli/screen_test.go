package cli

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/internal/admin"
	"github.com/caddy-rover/rover/internal/scripts"
)

func TestParseKeys(t *testing.T) {
	for text, want := range map[string][]key{
		"":                   nil,
		"sp":                 {"s", "p"},
		"\x1b[C\x1b[Dq":      {keyRight, keyLeft, "q"},
		"\x1bOC":             {keyRight},
		"\x1b[1;5C\x1b[15~x": {keyRight, "x"},
		"\x1b":               {keyEscape},
		"\x1bq":              {keyEscape, "q"},
		"\x1b[":              nil,
		"\x1b[12":            nil,
		"\xff\x00":           {"\xff", "\x00"},
	} {
		if got := parseKeys(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add("s\x1b[C\x1b[1;2~\x1bO")
	f.Fuzz(func(_ *testing.T, text string) { parseKeys(text) })
}

// What is shown fits: no line wraps, and no line scrolls the heading away.
func TestScreenFits(t *testing.T) {
	for _, size := range [][2]int{{20, 4}, {20, 100}, {1, 1}, {300, 2}} {
		var out strings.Builder
		s := &screen{out: &out, size: func() (int, int) { return size[0], size[1] }}
		if err := s.show(strings.Repeat("ä", 100), strings.Repeat("a long line of ünïcode text\n", 10)); err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSuffix(strings.TrimPrefix(out.String(), "\x1b[H"), "\x1b[J")
		lines := strings.Split(strings.ReplaceAll(text, "\x1b[K", ""), "\r\n")
		if len(lines) > size[1] {
			t.Errorf("%d lines on a screen of %d", len(lines), size[1])
		}
		for _, line := range lines {
			if n := len([]rune(line)); n > size[0] {
				t.Errorf("%d runes on a screen of %d: %q", n, size[0], line)
			}
		}
	}
}

// The terminal is given back when what shows it panics.
func TestScreenGivenBackByPanic(t *testing.T) {
	var out strings.Builder
	s := &screen{out: &out}
	defer func() {
		if recover() != "broken" {
			t.Error("the panic is gone")
		}
		if !strings.HasSuffix(out.String(), "\x1b[?1049l<restored>") {
			t.Errorf("the terminal got %q", out.String())
		}
	}()
	_ = s.alone(func() { out.WriteString("<restored>") }, func(*screen) error { panic("broken") })
}

func TestRates(t *testing.T) {
	at := time.Unix(1000, 0)
	cost := func(name string, n, errors uint64, lua float64) admin.Cost {
		return admin.Cost{Name: name, Requests: map[string]uint64{"answered": n}, Errors: errors, LuaSeconds: lua, WaitSeconds: 2 * lua}
	}
	before := look{at, []admin.Live{{VM: "shop", BusySeconds: 10, Refused: 5, Routes: []admin.Cost{
		cost("GET /a", 10, 1, 1), cost("GET /idle", 7, 0, 1), cost("GET /reset", 100, 9, 50),
	}}}}
	now := look{at.Add(2 * time.Second), []admin.Live{{
		VM: "shop", BusySeconds: 11, Refused: 9, Leases: scripts.Leases{Keys: 3, Tokens: 70, Waiting: 2},
		Routes: []admin.Cost{cost("GET /a", 14, 2, 1.5), cost("GET /idle", 7, 0, 1), cost("GET /reset", 2, 0, 0.25), cost("GET /new", 2, 0, 0.75)},
	}}}
	got, ok := ratesBetween(before, now)
	want := rates{At: now.At, Interval: 2, VMs: []vmRates{{
		VM: "shop", Requests: 4, Busy: 0.5, Refused: 2, Background: []routeRates{}, Stores: []storeRates{},
		Leases: scripts.Leases{Keys: 3, Tokens: 70, Waiting: 2},
		Routes: []routeRates{
			{"GET /new", 1, 0.375, 0.375, 0.75, 0},
			{"GET /a", 2, 0.25, 0.125, 0.25, 1},
			{"GET /reset", 1, 0.125, 0.125, 0.25, 0},
		},
	}}}
	if !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if _, ok := ratesBetween(now, before); ok {
		t.Error("rates of a time that went back")
	}
	order := func(by int) (names string) {
		sortRoutes(got.VMs[0].Routes, by)
		for _, r := range got.VMs[0].Routes {
			names += strings.TrimPrefix(r.Name, "GET /") + " "
		}
		return names
	}
	for by, want := range []string{"a new reset ", "new a reset ", "new a reset ", "new a reset ", "a new reset ", "a new reset "} {
		if got := order(by); got != want {
			t.Errorf("by %s: %s, want %s", topColumns[by].title, got, want)
		}
	}
}

// A pause is no interval, and what comes during it changes nothing.
func TestTopPause(t *testing.T) {
	at := time.Unix(1000, 0)
	look := func(second int) answer {
		return answer{look: look{at.Add(time.Duration(second) * time.Second), []admin.Live{{VM: "shop"}}}}
	}
	top := &top{}
	top.take(look(0))
	top.take(look(1))
	if top.rates == nil || top.rates.Interval != 1 {
		t.Fatalf("rates %+v", top.rates)
	}
	top.press("p")
	top.take(look(2))
	top.press(" ")
	top.take(look(60))
	if top.rates.Interval != 1 {
		t.Errorf("an interval of %v s", top.rates.Interval)
	}
	top.take(look(63))
	if top.rates.Interval != 3 {
		t.Errorf("an interval of %v s, want 3", top.rates.Interval)
	}
}

// What says how a VM is fits into a terminal of the usual width, where more is cut.
func TestTopFits(t *testing.T) {
	var out strings.Builder
	r := rates{VMs: []vmRates{{
		VM: "shop", Version: 1234, Requests: 12345.6, Busy: 1, Queued: 4096, Waiting: 10000, InFlight: 14096,
		Refused: 12345.6, MemoryBytes: 1 << 31,
		Leases: scripts.Leases{Keys: 100000, Tokens: 1 << 40, Waiting: 10000},
		Concurrency: []scripts.Concurrency{
			{Rule: "/reports", Running: 100000, Waiting: 100000}, {Rule: "/idle", Running: 3},
		},
	}, {VM: "idle", Leases: scripts.Leases{Keys: 1, Tokens: 5}}}}
	if err := printTop(&out, r, topBy); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 80 {
			t.Errorf("wider than 80: %s", line)
		}
	}
	if !strings.Contains(out.String(), "refused 12345.6/s") || !strings.Contains(out.String(), "in flight 14096") {
		t.Errorf("something is missing in\n%s", out.String())
	}
	// Who waits is shown, once, and nothing of what only runs.
	shop, idle, _ := strings.Cut(out.String(), "\nidle  version")
	if !strings.Contains(shop, "\n  limits: 10000 wait for the store\n") || !strings.Contains(shop, "\n  concurrency /reports: 100000 run, 100000 wait\n") {
		t.Errorf("nobody waits in\n%s", shop)
	}
	if strings.Contains(idle, "limits:") || strings.Contains(shop, "/idle") {
		t.Errorf("somebody waits in\n%s", out.String())
	}
}
