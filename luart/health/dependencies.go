package health

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of what scripts say of dependencies.
const (
	MaxDependencies = 100
	MaxName         = 64  // bytes
	MaxReason       = 256 // bytes
)

// Store is the name of the dependency that is the store of the script.
const Store = "store"

// CheckName says what is wrong with the name of a dependency, "" if nothing is.
func CheckName(name string) (wrong string) {
	switch {
	case name == "":
		return "a dependency needs a name"
	case len(name) > MaxName:
		return fmt.Sprintf("the name of a dependency has at most %d bytes", MaxName)
	case strings.ContainsFunc(name, func(r rune) bool { return !isPlain(r) }):
		return "the name of a dependency may have letters, digits, '-', '_', '.' and '~'"
	}
	return ""
}

// CutReason returns a reason that fits into a line of an answer and of the log.
func CutReason(reason string) string {
	line := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, reason)
	if len(line) <= MaxReason {
		return line
	}
	end := MaxReason - len("…")
	for !utf8.RuneStart(line[end]) {
		end--
	}
	return line[:end] + "…"
}

// Dependencies are what a script needs of others. The zero value has none. Any goroutine may call
// its methods.
type Dependencies struct {
	mu   sync.Mutex
	list map[string]*dependency
}

// dependency is one of them. What is not known to be there counts as not there.
type dependency struct {
	ok     bool
	reason string // why it is not

	declared bool // its state in the options of the script
	set      bool // the script has said more of it since

	checked bool          // a function says how it is
	timeout time.Duration // of that function
	asked   time.Time     // when the check was due that has not ended; zero: there is none
	known   bool          // a check has ended
}

// Declare adds a dependency that is ok or not until somebody says otherwise.
func (d *Dependencies) Declare(name string, ok bool) {
	d.add(name, &dependency{ok: ok, declared: ok})
}

// DeclareChecked adds one of which a function says how it is, within timeout.
func (d *Dependencies) DeclareChecked(name string, timeout time.Duration) {
	d.add(name, &dependency{checked: true, timeout: timeout})
}

func (d *Dependencies) add(name string, dep *dependency) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list == nil {
		d.list = map[string]*dependency{}
	}
	d.list[name] = dep
}

// Names returns the names, in order.
func (d *Dependencies) Names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.list))
}

// Get returns whether a dependency is there. checked says that a function knows; known is false
// where the script has no such dependency.
func (d *Dependencies) Get(name string) (ok, checked, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep := d.list[name]
	if dep == nil {
		return false, false, false
	}
	return dep.ok, dep.checked, true
}

// Set says how a dependency is from now on. There must be one of the name.
func (d *Dependencies) Set(name string, ok bool, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep := d.list[name]
	dep.ok, dep.reason, dep.set = ok, CutReason(reason), true
}

// Begin is told that the function of a dependency is to be asked now.
func (d *Dependencies) Begin(name string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list[name].asked = now
}

// End is told what the function has said. changed reports whether that is new.
func (d *Dependencies) End(name string, ok bool, reason string) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dep := d.list[name]
	changed = dep.ok != ok || !dep.known
	dep.ok, dep.reason, dep.known, dep.asked = ok, CutReason(reason), true, time.Time{}
	return changed
}

// Inherit takes over what an earlier version of the script knew. What the new one has said since it
// was loaded stays, and so does what it declares otherwise than the earlier one did.
func (d *Dependencies) Inherit(from *Dependencies) {
	from.mu.Lock()
	was := map[string]dependency{}
	for name, dep := range from.list {
		was[name] = *dep
	}
	from.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, dep := range d.list {
		old, there := was[name]
		switch {
		case !there || old.checked != dep.checked || dep.set:
		case dep.checked:
			dep.ok, dep.reason, dep.known = old.ok, old.reason, old.known
		case old.declared == dep.declared:
			dep.ok, dep.reason, dep.set = old.ok, old.reason, old.set
		}
	}
}

// Report adds the dependencies that are not there to a report. storeUp says how the store is.
func (d *Dependencies) Report(to *Report, now time.Time, storeUp bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, dep := range d.list {
		reason := dep.reason
		switch {
		case name == Store:
			if storeUp || !dep.declared {
				continue
			}
			reason = "the store does not answer"
		case dep.checked && !dep.asked.IsZero() && now.Sub(dep.asked) > dep.timeout:
			reason = fmt.Sprintf("no answer within %v", dep.timeout)
		case dep.checked && !dep.known:
			reason = "not checked yet"
		case dep.ok:
			continue
		}
		to.Fail(Reason{Code: DependencyUnavailable, Dependency: name, Reason: reason})
	}
}
