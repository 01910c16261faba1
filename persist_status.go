package rover

import (
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
)

const (
	// longHold is a stretch of VM time that people notice. A save that takes so long is
	// logged, once.
	longHold = 100 * time.Millisecond

	// againAfter is when an error that persists is logged again.
	againAfter = 10 * time.Minute

	// maxComplaints is how many different errors are logged in that time: some change with
	// every attempt, as a request's number does.
	maxComplaints = 5
)

// persistStatus is what an operator is told of the saving of a VM's state.
type persistStatus struct {
	Interval string `json:"interval"` // "0s": only when the VM ends
	MaxSize  int64  `json:"max_size"`
	Folder   string `json:"folder"` // prefix of the keys in the storage

	Restored *time.Time `json:"restored,omitempty"` // when what the VM began with was saved
	Saved    *time.Time `json:"saved,omitempty"`    // when a snapshot was written last
	Bytes    int        `json:"bytes"`              // of the newest snapshot
	Hold     float64    `json:"hold_seconds"`       // how long no request ran Lua for it

	Writes persistWrites `json:"writes"`

	// Keys to which something was copied so that it does not get lost.
	SetAside []string `json:"set_aside,omitempty"`

	// Why the last attempt to save has failed; nil if it has not.
	LastError *failure `json:"last_error,omitempty"`
}

// persistWrites is how attempts to save have ended.
type persistWrites struct {
	Written   uint64 `json:"written"`
	Unchanged uint64 `json:"unchanged"`
	TooLarge  uint64 `json:"too_large"`
	Failed    uint64 `json:"failed"`
}

// failed notes why the state was not saved. The caller holds saving.
func (t *keeper) failed(err error, loud bool) {
	t.idle = 0 // the next time it is looked at again
	t.complain("rover.state was not saved", err, loud, nil)
	t.did(func(s *persistStatus) { s.Writes.Failed++ })
}

// tooLarge notes that the state is too large. It returns in how many turns of the VM it has
// found out which tables are the largest. The caller holds saving.
func (t *keeper) tooLarge(k *keeping, loud bool) (turns uint64) {
	t.complain("rover.state is too large and was not saved: the last snapshot stays",
		fmt.Errorf("it takes more than max_size, %d bytes", k.maxSize), loud,
		func() []zap.Field {
			var sizes []luart.StateSize
			sizes, turns = t.vm.CountState()
			largest := make([]string, 0, maxLargest)
			for _, s := range sizes[:min(len(sizes), maxLargest)] {
				largest = append(largest, fmt.Sprintf("%q: %d entries, some %d bytes in memory", s.Name, s.Entries, s.Bytes))
			}
			return []zap.Field{zap.Strings("largest", largest)}
		})
	t.did(func(s *persistStatus) { s.Writes.TooLarge++ })
	return turns
}

// maxLargest is how many of the largest tables are named.
const maxLargest = 3

// complain puts an error into the status and the log, there not over and over, and with
// what more returns, if it is not nil. The caller holds saving.
func (t *keeper) complain(message string, err error, loud bool, more func() []zap.Field) {
	now := t.now()
	t.did(func(s *persistStatus) {
		if s.LastError == nil { // it went well meanwhile
			t.told.recovered()
		}
		s.LastError = &failure{now, err.Error()}
	})
	news, last := t.told.add(now, err.Error())
	if !news && !loud {
		return
	}
	fields := []zap.Field{zap.String("vm", t.vm.name), zap.Error(err)}
	if more != nil {
		fields = append(fields, more()...)
	}
	if last && !loud {
		fields = append(fields, zap.String("hint", "caddy rover status shows further errors; for a while the log does not"))
	}
	t.logger.Error(message, fields...)
}

// complaints are the errors of the last againAfter that have been logged.
type complaints struct {
	since time.Time
	count int
	now   map[string]bool // since it went well last
}

// add reports whether an error is to be logged, and whether it is the last one for a while.
func (c *complaints) add(now time.Time, text string) (news, last bool) {
	if c.now == nil || now.Sub(c.since) >= againAfter {
		*c = complaints{since: now, now: map[string]bool{}}
	}
	if c.now[text] || c.count >= maxComplaints {
		return false, false
	}
	c.now[text] = true
	c.count++
	return true, c.count == maxComplaints
}

// recovered says that it has gone well: what fails after that is news.
func (c *complaints) recovered() { clear(c.now) }

// tell logs what a save has shown: that something is left out, which was not the last time,
// and that it took long. The caller holds saving.
func (t *keeper) tell(saved luart.SavedState) {
	var news []string
	for _, what := range saved.LeftOutNames {
		if _, old := slices.BinarySearch(t.leftOut, what); !old {
			news = append(news, what)
		}
	}
	t.leftOut = saved.LeftOutNames
	if len(news) > 0 {
		t.logger.Warn("something in rover.state is no plain data and is not saved",
			zap.String("vm", t.vm.name), zap.Strings("left_out", news[:min(len(news), maxNews)]), zap.Int("count", saved.LeftOut))
	}
	if saved.Hold > longHold && !t.slow {
		t.slow = true
		t.logger.Warn("no request ran Lua while rover.state was copied: it is large",
			zap.String("vm", t.vm.name), zap.Duration("hold", saved.Hold), zap.Int("bytes", len(saved.Data)))
	}
}

// maxNews is how many things that are left out one log line names.
const maxNews = 10

// persisted returns the status of the saving of the program's state; nil if its config says
// that it is not saved.
func (p *program) persisted() *persistStatus {
	t := p.vm.kept()
	if p.keeping == nil || t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.status
	s.Interval, s.MaxSize = p.keeping.interval.String(), p.keeping.maxSize
	s.SetAside = slices.Clone(s.SetAside)
	return &s
}

var (
	persistWritesDesc = describe("persist_writes_total",
		"Attempts to save rover.state, by outcome: written, unchanged, too_large, failed.", "outcome")
	persistBytesDesc = describe("persist_bytes",
		"The size of rover.state in the newest snapshot.")
)

func (m vmMetrics) collectPersist() {
	t := m.vm.kept()
	if t == nil {
		return
	}
	t.mu.Lock()
	writes, bytes := t.status.Writes, t.status.Bytes
	t.mu.Unlock()
	m.counter(persistWritesDesc, float64(writes.Written), "written")
	m.counter(persistWritesDesc, float64(writes.Unchanged), "unchanged")
	m.counter(persistWritesDesc, float64(writes.TooLarge), "too_large")
	m.counter(persistWritesDesc, float64(writes.Failed), "failed")
	m.gauge(persistBytesDesc, float64(bytes))
}

// print tells people.
func (s *persistStatus) print(row func(name, format string, args ...any)) {
	when, hold := "every "+s.Interval, time.Duration(s.Hold*float64(time.Second))
	if s.Interval == "0s" {
		when = "only at the end"
	}
	switch {
	case s.Saved != nil:
		row("persist", "%s; %d bytes saved at %s, which held the VM for %v", when, s.Bytes, s.Saved.Format(time.DateTime), hold.Round(time.Microsecond))
	case s.Restored != nil:
		row("persist", "%s; restored as it was at %s", when, s.Restored.Format(time.DateTime))
	default:
		row("persist", "%s; nothing saved yet", when)
	}
	row("", "%s in the storage", s.Folder)
	for _, key := range s.SetAside {
		row("set aside", "%s", key)
	}
	if e := s.LastError; e != nil {
		row("not saved", "%s: %s", e.At.Format(time.DateTime), e.Message)
	}
}
