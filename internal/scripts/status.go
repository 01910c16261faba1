package scripts

import (
	"slices"
	"time"
)

// Status is what an operator is told of a Set.
type Status struct {
	VM       string    `json:"vm"`
	Scripts  []string  `json:"scripts"`
	Version  int       `json:"version"`
	LoadedAt time.Time `json:"loaded_at"`
	Watch    bool      `json:"watch"`

	// Whether there is a version that rollback returns to.
	Rollback bool `json:"rollback"`

	Reloads Reloads `json:"reloads"`

	// How rover.state is saved; nil if it is not.
	Persist *PersistStatus `json:"persist,omitempty"`

	// Why the last reload was refused; nil if it was not.
	LastError *LastError `json:"last_error,omitempty"`
}

// Status returns what the set is now. Any goroutine may call it.
func (s *Set) Status() Status {
	status := Status{VM: s.vm.Name, Persist: s.persistStatus()}
	status.Reloads, _ = s.vm.Reloads()
	status.LastError = status.Reloads.last
	status.Watch, _ = s.watched()
	for _, script := range s.scripts {
		if !slices.Contains(status.Scripts, script.Path()) {
			status.Scripts = append(status.Scripts, script.Path())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status.Version, status.LoadedAt = s.version, s.loadedAt
	status.Rollback = s.hasPrevious()
	return status
}
