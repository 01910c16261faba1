// Package deadlock finds out who would wait for himself.
package deadlock

import (
	"slices"
	"strings"

	"github.com/caddy-rover/rover/luart/lib"
)

// Call is a piece of Lua work that takes resources: the By of a lib.Hold is one. The same work is the
// same Call, by ==. Only the holder of the VM may use it.
type Call interface {
	// Above returns the call that keeps what it holds until this one has ended. ok is false where
	// there is none.
	Above() (above Call, ok bool)
	// WaitsFor is what this call, or one that it waits for, is parked for, without a timeout.
	WaitsFor() []lib.Resource
	// Relation says what a call above this one is to it: "the caller of rover.parallel".
	Relation(above Call) string
}

// Deadlock is why a resource will not be free.
type Deadlock struct {
	c     Call
	known map[Call]bool  // whether a call waits for c; false while that is not known
	path  []lib.Resource // from the one asked for to the one looked at
	found []lib.Resource // a path that ends at c
	last  *lib.Hold
}

// Find returns why r will not be free before c has gone on, nil if it may be: when c holds it, when
// one above does, or when those who hold it wait for such a one. Waits that a timeout ends do not
// count.
func Find(c Call, r lib.Resource) *Deadlock {
	d := &Deadlock{c: c, known: map[Call]bool{}}
	if !d.stuck(r) {
		return nil
	}
	return d
}

// String says it to people.
func (d *Deadlock) String() string {
	var msg strings.Builder
	for i, r := range d.found {
		if i > 0 {
			msg.WriteString("a handler that waits for ")
		}
		msg.WriteString(r.String())
		if i > 0 {
			msg.WriteString(", which")
		}
		msg.WriteString(" is " + r.Verb() + " by ")
	}
	switch last := d.last.By.(Call); {
	case last != d.c:
		msg.WriteString(d.c.Relation(last))
	case len(d.found) == 1:
		msg.WriteString("this handler already")
	default:
		msg.WriteString("this one")
	}
	return msg.String() + " (" + d.last.Where + ")"
}

// stuck says whether all that hold r wait for c.
func (d *Deadlock) stuck(r lib.Resource) bool {
	d.path = append(d.path, r)
	defer func() { d.path = d.path[:len(d.path)-1] }()
	places := r.HeldBy()
	for _, p := range places {
		if !d.waits(p) {
			return false
		}
	}
	return len(places) > 0
}

func (d *Deadlock) waits(p *lib.Hold) bool {
	by := p.By.(Call)
	for c, ok := d.c, true; ok; c, ok = c.Above() {
		if c == by {
			if d.last == nil {
				d.last, d.found = p, slices.Clone(d.path)
			}
			return true
		}
	}
	if waits, ok := d.known[by]; ok {
		return waits
	}
	d.known[by] = false
	waits := slices.ContainsFunc(by.WaitsFor(), d.stuck)
	d.known[by] = waits
	return waits
}
