package scripts

import (
	"context"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/persist"
)

// Options are what a Group is made with.
type Options struct {
	Logger  *zap.Logger
	Storage persist.Storage // for rover.state

	// Check says whether generations may take over that scripts have loaded; newest returns
	// those that would be live. nil: they may.
	Check func(newest func(*Script) *luart.Generation) error

	// Eval lets operators run code in the VMs.
	Eval bool
}

// Group is the scripts of one config.
type Group struct {
	Options

	sets []*Set // provisioned; complete when Start is called

	// reloading is held by what gives scripts other generations, so that Check looks at what
	// will be live.
	reloading sync.Mutex

	reloaded chan struct{} // told after a reload; one who is slow is told of several at once

	loadsAll bool // also scripts that have not changed

	running context.Context // of hooks and reloads; ends with Stop
	stop    context.CancelFunc
	work    sync.WaitGroup // watchers
}

// NewGroup returns a Group without scripts.
func NewGroup(o Options) *Group {
	g := &Group{Options: o, reloaded: make(chan struct{}, 1), loadsAll: loadAll.Load() > 0}
	g.running, g.stop = context.WithCancel(context.Background())
	return g
}

// Add loads a script into a VM, to run there once the group starts.
func (g *Group) Add(vm *VM, s *Script) error {
	for _, set := range g.sets {
		if set.vm == vm {
			return set.add(s)
		}
	}
	set := &Set{group: g, vm: vm, files: newWatchedFiles()}
	set.files.beginLoad(false)
	g.sets = append(g.sets, set)
	return set.add(s)
}

// Start has the scripts take over from those of an earlier config (on_reload), and begins their
// work. An error has stopped all of them.
func (g *Group) Start() error {
	for i, set := range g.sets {
		if err := set.activate(); err != nil {
			g.stop()
			g.work.Wait()
			for _, active := range g.sets[:i] { // Caddy does not stop what has not started
				active.stop()
			}
			return err
		}
	}
	live.add(g)
	return nil
}

// Ready runs the on_ready hooks, in the background. They end with the scripts, which may go on in
// another config.
func (g *Group) Ready() {
	for _, set := range g.sets {
		go set.Ready()
	}
}

// check says whether scripts may take over that have loaded what next says; of others what serves
// counts, or will.
func (g *Group) check(next map[*Script]*loading) error {
	if g.Check == nil {
		return nil
	}
	return g.Check(func(script *Script) *luart.Generation {
		if l := next[script]; l != nil {
			return l.Generation
		}
		return script.Newest()
	})
}

// Stop ends the work of the scripts: their on_stop hooks run. What serves requests goes on.
func (g *Group) Stop() {
	live.remove(g)
	g.stop()
	g.work.Wait()
	var stopping sync.WaitGroup
	for _, set := range g.sets {
		stopping.Go(set.stop)
	}
	stopping.Wait()
}

// Cleanup forgets the scripts, also those of a group that was not started, or not stopped: then no
// on_stop hook runs.
func (g *Group) Cleanup() {
	live.remove(g)
	g.stop()
	for _, set := range g.sets {
		set.cleanup()
	}
}

// Sets returns the scripts by VM, in the order in which the config names the VMs. Any goroutine
// may call it once the group has started.
func (g *Group) Sets() []*Set { return g.sets }

// Reloaded is told after each reload, and each rollback, of scripts of the group, but once for
// those between two receives. It is for one receiver. Any goroutine may call it.
func (g *Group) Reloaded() <-chan struct{} { return g.reloaded }

// live are the groups that have started and not stopped, oldest first: one, or two while Caddy
// replaces a config. Caddy's own word for the active config lags behind: its servers already
// answer when it has none yet. Any goroutine may use it.
var live groupList

// Live returns the group that has started last, of those that have not stopped; nil for none. Any
// goroutine may call it.
func Live() *Group { return live.newest() }

type groupList struct {
	mu     sync.Mutex
	groups []*Group
}

func (l *groupList) add(g *Group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups = append(l.groups, g)
}

func (l *groupList) remove(g *Group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups = slices.DeleteFunc(l.groups, func(other *Group) bool { return other == g })
}

func (l *groupList) newest() *Group {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.groups) == 0 {
		return nil
	}
	return l.groups[len(l.groups)-1]
}
