package glua

import (
	"context"
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// maxRooms is how many rooms are kept of those that nobody needs: as many as Lua threads are that
// eventloop keeps.
const maxRooms = 256

// Rooms are what Lua threads have to grow into: a registry with place for values, and a list with
// place for call frames. A thread that waits does not grow, and ten thousand may wait at once: its
// rooms serve another one meanwhile. It keeps what it uses, in the smallest place.
type Rooms struct {
	pattern *lua.LState // what new threads are made like: nothing has run in it
	values  [][]lua.LValue
	calls   [][]unsafe.Pointer
}

// NewRooms returns the rooms of Lua threads that are as L would make them, with a context.
func NewRooms(L *lua.LState, ctx context.Context) *Rooms {
	pattern, _ := L.NewThread()
	pattern.SetContext(ctx)
	return &Rooms{pattern: pattern}
}

// NewThread returns a new Lua thread. That of gopher-lua also makes the globals of a new VM, which it
// drops: 12 KiB of garbage.
func (r *Rooms) NewThread() *lua.LState {
	th := new(*r.pattern)
	of := func(L *lua.LState, offset uintptr) *unsafe.Pointer {
		return (*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(L), offset))
	}
	copied := func(p unsafe.Pointer, t reflect.Type) unsafe.Pointer {
		made := reflect.New(t)
		made.Elem().Set(reflect.NewAt(t, p).Elem())
		return made.UnsafePointer()
	}
	// All use one allocator of numbers, as all have one holder.
	registry := copied(*of(th, layout.registry), layout.registryType)
	*of(th, layout.registry) = registry
	*(*unsafe.Pointer)(unsafe.Add(registry, layout.handler+word)) = unsafe.Pointer(th)
	*(*[]lua.LValue)(unsafe.Add(registry, layout.slots)) = nil

	stack := copied(*of(th, layout.stack+word), layout.growingType)
	*of(th, layout.stack+word) = stack
	first := reflect.New(layout.segmentType).UnsafePointer()
	*(*[]unsafe.Pointer)(unsafe.Add(stack, layout.segments)) = []unsafe.Pointer{first}
	r.Give(th)
	return th
}

// word is what the second of an interface's two words begins at: it points to the value.
const word = unsafe.Sizeof(uintptr(0))

// Take takes from L, and from those that have resumed it, what they do not use. Nothing may run in
// them, and no values be pushed, until Give.
func (r *Rooms) Take(L *lua.LState) {
	for ; L != nil; L = L.Parent {
		r.takeValues(L)
		r.takeCalls(L)
	}
}

// Give gives L, and those that have resumed it, room again. It does nothing where there is.
func (r *Rooms) Give(L *lua.LState) {
	for ; L != nil; L = L.Parent {
		r.giveValues(L)
		r.giveCalls(L)
	}
}

func (r *Rooms) takeValues(L *lua.LState) {
	slots, top := slotsOf(L)
	full := *slots
	if len(full) < L.Options.RegistrySize {
		return
	}
	// As gopher-lua has it when a registry grows, there is nothing beyond its top.
	*slots = append(make([]lua.LValue, 0, top), full[:top]...)
	if len(full) <= 8*L.Options.RegistrySize && len(r.values) < maxRooms {
		clear(full)
		r.values = append(r.values, full)
	}
}

func (r *Rooms) giveValues(L *lua.LState) {
	slots, top := slotsOf(L)
	if len(*slots) >= L.Options.RegistrySize {
		return
	}
	var full []lua.LValue
	if n := len(r.values); n > 0 {
		full, r.values[n-1], r.values = r.values[n-1], nil, r.values[:n-1]
	} else {
		full = make([]lua.LValue, L.Options.RegistrySize)
	}
	copy(full, (*slots)[:top])
	*slots = full
}

func (r *Rooms) takeCalls(L *lua.LState) {
	segments := segmentsOf(L)
	full := *segments
	if len(full) < fullSegments(L) {
		return
	}
	used := 0
	for used < len(full) && full[used] != nil {
		used++
	}
	*segments = append(make([]unsafe.Pointer, 0, used), full[:used]...)
	if len(r.calls) < maxRooms {
		clear(full[:used])
		r.calls = append(r.calls, full)
	}
}

func (r *Rooms) giveCalls(L *lua.LState) {
	segments := segmentsOf(L)
	n := fullSegments(L)
	if len(*segments) >= n {
		return
	}
	var full []unsafe.Pointer
	if last := len(r.calls) - 1; last >= 0 {
		full, r.calls[last], r.calls = r.calls[last], nil, r.calls[:last]
	} else {
		full = make([]unsafe.Pointer, n)
	}
	copy(full, *segments)
	*segments = full
}

// Drop forgets the rooms that nobody needs.
func (r *Rooms) Drop() { r.values, r.calls = nil, nil }

// fullSegments is how many segments L has at most, as gopher-lua makes their list.
func fullSegments(L *lua.LState) int {
	return (L.Options.CallStackSize + lua.FramesPerSegment - 1) / lua.FramesPerSegment
}
