package luart

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/loglimit"
)

const (
	// maxRecentErrors of a VM are kept: the latest of those that differ.
	maxRecentErrors = 50

	// maxRecentErrorBytes of a message are kept.
	maxRecentErrorBytes = 1 << 10
)

// RecentError is a script error, as often as it has come since the VM began. It has nothing of
// a request but what the script put into the message.
type RecentError struct {
	At      time.Time `json:"at"`    // the last time
	Times   uint64    `json:"times"` // while it was among the latest
	In      string    `json:"in"`    // "GET /users/:id", "rover.every of app.lua"
	Defined string    `json:"defined_at"`
	Version int       `json:"version"` // rover.version
	Status  int       `json:"status,omitempty"`

	Message   string `json:"message"`
	Place     string `json:"place,omitempty"` // "app.lua:12"
	Hint      string `json:"hint,omitempty"`
	Excerpt   string `json:"excerpt,omitempty"` // the source around it
	Traceback string `json:"traceback,omitempty"`
}

// recentErrors are the latest script errors of a VM. Any goroutine may use it.
type recentErrors struct {
	mu   sync.Mutex
	list []*RecentError // the latest last
}

// RecentErrors returns the latest script errors, the last one first. Any goroutine may call it.
func (vm *VM) RecentErrors() []RecentError {
	f := &vm.recentErrors
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]RecentError, 0, len(f.list))
	for _, e := range slices.Backward(f.list) {
		list = append(list, *e)
	}
	return list
}

// recordError remembers an error of g that was logged. Only the holder may call it, since
// the error's hint may have to be found.
func (g *Generation) recordError(in, defined string, err *ScriptError) {
	about := g.explain(err)
	message := loglimit.Cut(err.Message, maxRecentErrorBytes)
	f := &g.vm.recentErrors
	f.mu.Lock()
	defer f.mu.Unlock()
	same := func(e *RecentError) bool {
		return e.In == in && e.Message == message && e.Version == g.number && e.Place == about.Position()
	}
	if i := slices.IndexFunc(f.list, same); i >= 0 {
		e := f.list[i]
		e.At = time.Now()
		e.Times++
		f.list = append(slices.Delete(f.list, i, i+1), e)
		return
	}
	if len(f.list) >= maxRecentErrors {
		f.list = slices.Delete(f.list, 0, len(f.list)-maxRecentErrors+1)
	}
	f.list = append(f.list, &RecentError{
		At: time.Now(), Times: 1, In: in, Defined: defined, Version: g.number, Status: err.Status,
		Message: message, Place: about.Position(), Hint: loglimit.Cut(about.Hint, maxRecentErrorBytes),
		Excerpt: strings.Join(about.Lines(), "\n"), Traceback: err.Traceback,
	})
}
