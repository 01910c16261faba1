package rover

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart"
)

// vms are the Lua VMs in use, by name. One lives as long as a config names it; a new
// config is provisioned before the old one is cleaned up, so it keeps the VM.
var vms = caddy.NewUsagePool()

// vmsInUse returns the VMs, in the order of their names. Any goroutine may call it.
func vmsInUse() (list []*sharedVM) {
	vms.Range(func(_, vm any) bool {
		list = append(list, vm.(*sharedVM))
		return true
	})
	slices.SortFunc(list, func(a, b *sharedVM) int { return cmp.Compare(a.name, b.name) })
	return list
}

// stopGrace is how long handlers that still wait may go on when their VM ends, and how
// long on_stop may take. The servers have waited for their requests before that
// (grace_period), so what is left has outlived that already.
const stopGrace = 5 * time.Second

// sharedVM is a VM in vms, with what outlives a config of the scripts in it.
type sharedVM struct {
	*luart.VM
	name  string
	files fileReader // reads the scripts

	// reloading is held while generations of the VM take over from others, so that one
	// takes over at a time. A config that begins while another one still runs takes over from
	// its program for good, unless it is refused afterwards, so:
	//
	//  1. current is the program that has begun last, of those that have not ended.
	//  2. Only current replaces its generations. Others answer errReplaced: what they loaded
	//     would change the state, and nobody would be served by it.
	//  3. Versions that take over grow. A program that was loaded before current's version was
	//     is loaded again when it begins.
	//  4. on_reload runs once for each version that takes over, and from the version before it.
	reloading sync.Mutex
	current   *program // nil: none; guarded by reloading

	mu      sync.Mutex // guards the rest
	numbers int        // versions given out
	version int        // of what has taken over last
	history reloads
	begun   bool    // a config has begun to use the VM
	keeper  *keeper // saves rover.state; nil: no config that has begun wanted it
}

// reloads is how the attempts to replace the generations of a VM have ended.
type reloads struct {
	Done   uint64   `json:"success"`
	Failed uint64   `json:"failure"`
	last   *failure // since the last one that was done
}

// failure is why a reload was refused.
type failure struct {
	At      time.Time `json:"at"`
	Message string    `json:"message"`
}

// Destruct ends the VM when no config names it any more.
func (s *sharedVM) Destruct() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	keeper := s.kept()
	if keeper != nil {
		keeper.halt()
		defer keeper.end()
	}
	if cut := s.Close(ctx); cut > 0 {
		caddy.Log().Named("http.handlers.rover").Warn("handlers were cut short", zap.Int("count", cut))
	}
	return nil
}

// takeNumber returns the version of generations that are about to be made.
func (s *sharedVM) takeNumber() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.numbers++
	return s.numbers
}

// giveBack says that a version will not be used, so that the next one gets its number, if
// there was none meanwhile.
func (s *sharedVM) giveBack(version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.numbers == version {
		s.numbers--
	}
}

// ended remembers how an attempt to replace the generations has ended.
func (s *sharedVM) ended(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.history.Done++
		s.history.last = nil
		return
	}
	s.history.Failed++
	s.history.last = &failure{time.Now(), err.Error()}
}

// setCurrent says what has taken over last. The caller holds reloading.
func (s *sharedVM) setCurrent(p *program) {
	s.current = p
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = 0
	if p != nil {
		s.version = p.version
	}
}

// reloads returns how reloads have ended, and the version that runs.
func (s *sharedVM) reloads() (ended reloads, version int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.history, s.version
}

// acquireVM takes the VM that the handler names from vms, or puts a new one there.
func (h *Handler) acquireVM(path string) error {
	name := h.Name
	if name == "" {
		name = path
	}
	v, loaded, err := vms.LoadOrNew(name, func() (caddy.Destructor, error) {
		vm, err := luart.NewVM(luart.VMOptions{Limits: h.limits(), Logger: h.logger, Clock: h.stand.clock()})
		return &sharedVM{VM: vm, name: name}, err
	})
	if err != nil {
		return err
	}
	h.vm = v.(*sharedVM)
	h.vm.SetMemory(h.Memory)
	if loaded {
		if got := h.vm.SetLimits(h.limits()); got < h.Queue {
			h.logger.Warn("the queue of a running VM cannot grow that far; it will with the next restart",
				zap.String("vm", name), zap.Int("queue", h.Queue), zap.Int("in_force", got))
		}
	}
	return nil
}
