package scripterror

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddy-rover/rover/luart/loglimit"
)

// MaxRecent errors of a VM are kept: the latest of those that differ.
const MaxRecent = 50

// MaxRecentBytes of a message are kept.
const MaxRecentBytes = 1 << 10

// Recent is a script error, as often as it has come since the VM began. It has nothing of
// a request but what the script put into the message.
type Recent struct {
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

// Recents are the latest script errors of a VM. Any goroutine may use it.
type Recents struct {
	mu   sync.Mutex
	list []*Recent // the latest last
}

// List returns them, the last one first.
func (f *Recents) List() []Recent {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Recent, 0, len(f.list))
	for _, e := range slices.Backward(f.list) {
		list = append(list, *e)
	}
	return list
}

// Record remembers an error that was logged and explained: in what, where that is defined, and in which
// version of the script.
func (f *Recents) Record(in, defined string, version int, err *Error) {
	about := err.about
	message := loglimit.Cut(err.Whole(), MaxRecentBytes)
	f.mu.Lock()
	defer f.mu.Unlock()
	same := func(e *Recent) bool {
		return e.In == in && e.Message == message && e.Version == version && e.Place == about.Position()
	}
	if i := slices.IndexFunc(f.list, same); i >= 0 {
		e := f.list[i]
		e.At = time.Now()
		e.Times++
		f.list = append(slices.Delete(f.list, i, i+1), e)
		return
	}
	if len(f.list) >= MaxRecent {
		f.list = slices.Delete(f.list, 0, len(f.list)-MaxRecent+1)
	}
	f.list = append(f.list, &Recent{
		At: time.Now(), Times: 1, In: in, Defined: defined, Version: version, Status: err.Status,
		Message: message, Place: about.Position(), Hint: loglimit.Cut(about.Hint, MaxRecentBytes),
		Excerpt: strings.Join(about.Lines(), "\n"), Traceback: err.Traceback,
	})
}
