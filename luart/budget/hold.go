package budget

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// A function of Go that blocks holds the VM: no instruction of Lua comes, so that burst does not end
// it, and nobody is served. The watchdog sees that nobody has looked at its clock, and tells which
// function it is, by the stack of its goroutine: what belongs to the holder it must not look at.

const (
	// holdPatience is how long the VM may be held without a look at the clock before the log has it.
	holdPatience = time.Second

	// The stacks of all goroutines are looked at, at most once in holdPause: the process stands still
	// meanwhile, some 10 ms for 10,000 of them. So many bytes are.
	holdPause      = 10 * time.Second
	maxStacksBytes = 4 << 20

	// maxHoldStack bytes of a stack are logged.
	maxHoldStack = 8 << 10
)

// hold is what the watchdog knows of the hold. It is the watchdog's, but for what is atomic.
type hold struct {
	patience atomic.Int64 // nanoseconds: holdPatience, but for tests
	since    int64        // by ticked: since when nobody has looked; 0: somebody has
	last     int64        // by now: when stacks were looked at; 0: never

	by atomic.Pointer[heldBy] // nil: the VM is not held too long
}

// heldBy is a function of Go that holds the VM.
type heldBy struct {
	function string
	since    int64 // by ticked
}

// SetHoldPatience changes how long the VM may be held without a look at the clock before the log has
// it, for tests. Any goroutine may call it.
func (b *Budget) SetHoldPatience(d time.Duration) { b.hold.patience.Store(int64(d)) }

// watchHold is called at every tick. unseen: nobody has looked at the clock since the last one.
func (b *Budget) watchHold(unseen bool) {
	h := &b.hold
	now := b.ticked.Load()
	if !unseen || !b.hooks.Held() {
		if by := h.by.Swap(nil); by != nil {
			b.hooks.Logger.Warn("the VM is not held any more", zap.String("function", by.function), zap.Duration("held", time.Duration(now-by.since)))
		}
		h.since = 0
		return
	}
	switch {
	case h.since == 0:
		h.since = now
	case h.by.Load() != nil, now-h.since < h.patience.Load():
	case h.last != 0 && b.now.Load()-h.last < int64(holdPause):
	default:
		h.last = b.now.Load()
		function, stack := holderStack()
		h.by.Store(&heldBy{function, h.since})
		b.hooks.Logger.Warn("a function of Go holds the VM: nothing else is served until it returns",
			zap.String("function", function), zap.Duration("held", time.Duration(now-h.since)), zap.String("go_stack", stack))
	}
}

// ExplainHold adds to an error about the VM which function of Go holds it, if one does. Any goroutine
// may call it.
func (b *Budget) ExplainHold(err error) error {
	by := b.hold.by.Load()
	if err == nil || by == nil {
		return err
	}
	held := time.Duration(b.ticked.Load() - by.since).Round(time.Millisecond)
	return fmt.Errorf("%w: a function of Go, %s, has held the VM for %s", err, by.function, held)
}

// holderStack returns the stack of the goroutine that runs a function of Go which Lua has called,
// and the function. With several VMs it may be that of another one, too: then there are several.
func holderStack() (function, stack string) {
	buf := make([]byte, 64<<10)
	n := runtime.Stack(buf, true)
	for n == len(buf) && n < maxStacksBytes {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	var stacks []string
	for _, s := range strings.Split(string(buf[:n]), "\n\n") {
		if strings.Contains(s, "/eventloop.(*Loop[...]).run(") && !strings.Contains(s, "/eventloop.(*Loop[...]).detach(") {
			stacks = append(stacks, s)
		}
	}
	if len(stacks) == 0 {
		return "unknown", ""
	}
	stack = strings.Join(stacks, "\n\n")
	return calledFunction(stacks[0]), stack[:min(len(stack), maxHoldStack)]
}

// calledFunction returns the function of Go in a stack that Lua has called, or what is innermost if
// that is none.
func calledFunction(stack string) string {
	found := "unknown"
	for i, line := range strings.Split(stack, "\n") {
		if i == 0 || strings.HasPrefix(line, "\t") {
			continue
		}
		name := line
		if at := strings.LastIndexByte(line, '('); at > 0 {
			name = line[:at]
		}
		if strings.HasPrefix(name, "github.com/yuin/gopher-lua.") {
			break
		}
		if !strings.Contains(name, "Bound.func") { // stdlib.Bound is around functions of libraries
			found = name
		}
	}
	return found
}
