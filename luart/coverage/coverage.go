// Package coverage counts which lines of scripts run.
package coverage

import (
	"cmp"
	"slices"
	"sync"
)

// Report says which lines of the files of scripts have run, in all VMs that have been given it.
// The zero value knows none. Any goroutine may call its methods.
type Report struct {
	mu    sync.Mutex
	files map[string]*File
}

// File says how often the lines of a file have run, and its functions been called.
type File struct {
	Path      string         // absolute
	Lines     map[int]uint64 // those with code, from 1
	Functions map[Function]uint64
}

// Function is a function that a line defines.
type Function struct {
	Line int
	Name string // "api.hello.get", or chunk.Unnamed
}

// Files returns what has run so far in VMs that are closed, in the order of paths. Nobody may change
// it.
func (r *Report) Files() (list []*File) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.files {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	return list
}
