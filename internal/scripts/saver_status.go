package scripts

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/persist"
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

// PersistStatus is what an operator is told of the saving of what a VM keeps.
type PersistStatus struct {
	Interval string `json:"interval"` // "0s": only when the VM ends
	MaxSize  int64  `json:"max_size"`

	SavedStatus             // of rover.state
	Store       SavedStatus `json:"store"`   // of rover.store, sessions and limits where they are in the VM
	Answers     SavedStatus `json:"answers"` // of api.idempotent, where they are in the VM
}

// SavedStatus is how something is saved.
type SavedStatus struct {
	Folder string `json:"folder"` // on disk, or in a storage that is none the prefix of the keys

	Restored *time.Time `json:"restored,omitempty"` // when what the VM began with was saved
	Saved    *time.Time `json:"saved,omitempty"`    // when a snapshot was written last
	Bytes    int        `json:"bytes"`              // of the newest snapshot
	Hold     float64    `json:"hold_seconds"`       // how long no request ran Lua for it

	Writes PersistWrites `json:"writes"`

	// Where something was copied to so that it does not get lost: files, or keys, as Folder.
	SetAside []string `json:"set_aside,omitempty"`

	// Why the last attempt to save has failed; nil if it has not.
	LastError *LastError `json:"last_error,omitempty"`
}

// IsUsed reports whether there was anything to save or to restore.
func (s *SavedStatus) IsUsed() bool {
	return s.Saved != nil || s.Restored != nil || s.LastError != nil || len(s.SetAside) > 0
}

// PersistWrites is how attempts to save have ended.
type PersistWrites struct {
	Written   uint64 `json:"written"`
	Unchanged uint64 `json:"unchanged"`
	TooLarge  uint64 `json:"too_large"`
	Failed    uint64 `json:"failed"`
}

// saveFailed notes why nothing was saved. The caller holds saving.
func (s *saver) saveFailed(err error, loud bool) {
	s.idle = 0 // the next time it is looked at again
	s.complain(s.of.name+" was not saved", err, loud, nil)
	s.update(func(status *SavedStatus) { status.Writes.Failed++ })
}

// tooLarge notes that there is too much. It returns in how many turns of the VM it has found out
// what is the largest. The caller holds saving.
func (s *saver) tooLarge(config *restored, loud bool) (turns uint64) {
	s.complain(s.of.name+" is too large and was not saved: the last snapshot stays",
		fmt.Errorf("it takes more than max_size, %d bytes", config.MaxSize), loud,
		func() (fields []zap.Field) {
			var largest []string
			largest, turns = s.of.largest(s.vm)
			return []zap.Field{zap.Strings("largest", largest)}
		})
	s.update(func(status *SavedStatus) { status.Writes.TooLarge++ })
	return turns
}

// complain puts an error into the status and the log, there not over and over, and with
// what more returns, if it is not nil. The caller holds saving.
func (s *saver) complain(message string, err error, loud bool, more func() []zap.Field) {
	now := s.now()
	s.update(func(status *SavedStatus) {
		if status.LastError == nil { // it went well meanwhile
			s.logged.recovered()
		}
		status.LastError = &LastError{now, err.Error()}
	})
	news, last := s.logged.add(now, err.Error())
	if !news && !loud {
		return
	}
	fields := []zap.Field{zap.String("vm", s.vm.Name), zap.Error(err)}
	if more != nil {
		fields = append(fields, more()...)
	}
	if last && !loud {
		fields = append(fields, zap.String("hint", "caddy rover status shows further errors; for a while the log does not"))
	}
	s.logger.Error(message, fields...)
}

// loggedErrors are the errors of the last againAfter that have been logged.
type loggedErrors struct {
	since time.Time
	count int
	now   map[string]bool // since it went well last
}

// add reports whether an error is to be logged, and whether it is the last one for a while.
func (c *loggedErrors) add(now time.Time, text string) (news, last bool) {
	if c.now == nil || now.Sub(c.since) >= againAfter {
		*c = loggedErrors{since: now, now: map[string]bool{}}
	}
	if c.now[text] || c.count >= maxComplaints {
		return false, false
	}
	c.now[text] = true
	c.count++
	return true, c.count == maxComplaints
}

// recovered says that it has gone well: what fails after that is news.
func (c *loggedErrors) recovered() { clear(c.now) }

// logSaved logs what a save has shown: that something is left out, which was not the last time,
// and that it took long. The caller holds saving.
func (s *saver) logSaved(saved luart.SavedState) {
	var news []string
	for _, what := range saved.LeftOutNames {
		if _, old := slices.BinarySearch(s.leftOut, what); !old {
			news = append(news, what)
		}
	}
	s.leftOut = saved.LeftOutNames
	if len(news) > 0 {
		s.logger.Warn("something in "+s.of.name+" is no plain data and is not saved",
			zap.String("vm", s.vm.Name), zap.Strings("left_out", news[:min(len(news), maxNews)]), zap.Int("count", saved.LeftOut))
	}
	if saved.Hold > longHold && !s.slow {
		s.slow = true
		s.logger.Warn("no request ran Lua while "+s.of.name+" was copied: it is large",
			zap.String("vm", s.vm.Name), zap.Duration("hold", saved.Hold), zap.Int("bytes", len(saved.Data)))
	}
}

// maxNews is how many things that are left out one log line names.
const maxNews = 10

// persistStatus returns how what the VM keeps is saved; nil if the set's config says that it is not.
func (s *Set) persistStatus() *PersistStatus {
	if s.persist == nil {
		return nil
	}
	status := &PersistStatus{Interval: s.persist.Interval.String(), MaxSize: s.persist.MaxSize}
	for i, of := range []*SavedStatus{&status.SavedStatus, &status.Store, &status.Answers} {
		saver := s.vm.saver(i)
		if saver == nil {
			return nil
		}
		*of = saver.readStatus()
		of.Folder = placeOf(s.persist.storage, of.Folder)
	}
	return status
}

// placeOf returns where a storage has a key: a file, or the key where the storage has no files.
func placeOf(storage persist.Storage, key string) string {
	if disk, ok := storage.(interface{ Filename(key string) string }); ok { // certmagic.FileStorage
		if path, err := filepath.Abs(disk.Filename(key)); err == nil {
			return path
		}
	}
	return key
}

// readStatus returns the status. Any goroutine may call it.
func (s *saver) readStatus() SavedStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	status.SetAside = slices.Clone(status.SetAside)
	return status
}

// Saved is how attempts to save something of a VM have ended.
type Saved struct {
	Kind   string // "state", "store" or "answers"
	Writes PersistWrites
	Bytes  int // of the newest snapshot
}

// Saved returns how attempts to save what the VM keeps have ended; none if no config that has started
// wanted it saved. Any goroutine may call it.
func (vm *VM) Saved() (list []Saved) {
	for i, of := range subjects {
		if s := vm.saver(i); s != nil {
			status := s.readStatus()
			list = append(list, Saved{of.kind, status.Writes, status.Bytes})
		}
	}
	return list
}
