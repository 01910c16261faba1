package deadlock

import (
	"testing"

	"github.com/caddy-rover/rover/luart/lib"
)

// work is a Call of tests.
type work struct {
	lib.Caller
	name  string
	above *work
	waits []lib.Resource
}

func (w *work) Above() (Call, bool)        { return w.above, w.above != nil }
func (w *work) WaitsFor() []lib.Resource   { return w.waits }
func (w *work) Relation(above Call) string { return above.(*work).name + ", above " + w.name }

// lock is a resource of tests.
type lock struct {
	name string
	by   []*lib.Hold
}

func (l *lock) HeldBy() []*lib.Hold { return l.by }
func (l *lock) Verb() string        { return "held" }
func (l *lock) String() string      { return l.name }

func held(name string, by ...*work) *lock {
	l := &lock{name: name}
	for _, w := range by {
		l.by = append(l.by, &lib.Hold{By: w, Where: "app.lua:1"})
	}
	return l
}

// Who waits for what he holds himself, or for those who wait for him, never gets it.
func TestFind(t *testing.T) {
	outer := &work{name: "outer"}
	me := &work{name: "me", above: outer}
	free := &work{name: "free"}
	mine := held("mine", me)
	stuck := &work{name: "stuck", waits: []lib.Resource{mine}}
	other := &work{name: "other", waits: []lib.Resource{held("its", stuck)}}
	round := &work{name: "round"}
	round.waits = []lib.Resource{held("round", round)} // it waits for itself, and not for me
	for _, tt := range []struct {
		asks *lock
		want string
	}{
		{held("free"), ""},
		{held("a", free), ""},
		{held("a", stuck, free), ""},
		{held("a", round), ""},
		{mine, "mine is held by this handler already (app.lua:1)"},
		{held("a", outer), "a is held by outer, above me (app.lua:1)"},
		{held("a", stuck), "a is held by a handler that waits for mine, which is held by this one (app.lua:1)"},
		{held("a", other), "a is held by a handler that waits for its, which is held by a handler that waits for mine, which is held by this one (app.lua:1)"},
	} {
		got := ""
		if d := Find(me, tt.asks); d != nil {
			got = d.String()
		}
		if got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.asks.name, got, tt.want)
		}
	}
}
