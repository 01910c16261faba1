package scripts

import (
	"context"
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

	// Scripts that run what they ran before the last config reload: they had not changed.
	Kept []string `json:"kept,omitempty"`

	// Whether there is a version that rollback returns to.
	Rollback bool `json:"rollback"`

	// Whether it is what a rollback has brought back that runs.
	RolledBack bool `json:"rolled_back"`

	// Files of the scripts that hold something else than what runs.
	FilesDiffer []string `json:"files_differ,omitempty"`

	Reloads Reloads `json:"reloads"`

	// How rover.state is saved; nil if it is not.
	Persist *PersistStatus `json:"persist,omitempty"`

	// How the stores of its scripts are, mostly one, and what its limits have taken of them.
	Stores []StoreStatus `json:"stores"`
	Leases Leases        `json:"leases"`

	// Rules of concurrency that have requests.
	Concurrency []Concurrency `json:"concurrency"`

	// Services that are not asked, because they have failed too often.
	Breakers []Breaker `json:"breakers,omitempty"`

	// Which of its scripts may be sent requests, of those that say what they depend on, or answer
	// probes.
	Readiness []Readiness `json:"readiness,omitempty"`

	// Whether the last reload was refused.
	ReloadRefused bool `json:"reload_refused"`

	// Why the last reload was refused; nil if it was not.
	LastError *LastError `json:"last_error,omitempty"`
}

// diskPatience is how long files may take to be read for a Status. Those that take longer are not
// in it.
const diskPatience = time.Second

// Status returns what the set is now. Any goroutine may call it.
func (s *Set) Status(ctx context.Context) Status {
	status := Status{VM: s.vm.Name, Persist: s.persistStatus()}
	status.Stores, status.Leases, status.Concurrency = s.stores(), s.vm.Leases(), s.vm.Crowds()
	status.Breakers = s.vm.Breakers()
	status.Reloads, _ = s.vm.Reloads()
	status.LastError = status.Reloads.last
	status.ReloadRefused = status.LastError != nil
	status.Readiness = s.readiness()
	status.FilesDiffer = s.changedFiles(ctx)
	status.Watch, _ = s.watched()
	for _, script := range s.scripts {
		if !slices.Contains(status.Scripts, script.Path()) {
			status.Scripts = append(status.Scripts, script.Path())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status.Version, status.LoadedAt = s.version, s.loadedAt
	status.Rollback, status.RolledBack, status.Kept = s.hasPrevious(), s.rolledBack, s.keptPaths()
	return status
}

// changedFiles returns the files that hold something else than what runs, in the order of their
// names.
func (s *Set) changedFiles(ctx context.Context) (paths []string) {
	ctx, cancel := context.WithTimeout(ctx, diskPatience)
	defer cancel()
	for _, script := range s.scripts {
		changed, err := script.changedFiles(ctx)
		if err == nil {
			paths = append(paths, changed...)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// keptPaths returns the scripts that go on since an earlier config, each once. The caller holds mu
// or vm.reloading.
func (s *Set) keptPaths() (paths []string) {
	for _, script := range s.scripts {
		if s.kept[script] && !slices.Contains(paths, script.Path()) {
			paths = append(paths, script.Path())
		}
	}
	return paths
}
