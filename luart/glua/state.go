package glua

import (
	"reflect"
	"unsafe"

	lua "github.com/yuin/gopher-lua"
)

// This file reads seven things of a Lua thread that gopher-lua 1.1.2 does not show, at offsets that
// reflection finds once. Without them pcall and coroutines go wrong in ways that no script could
// see coming:
//
//   - raising an error closes the open upvalues of all frames, also of those outside the pcall
//     that catches it: the captured locals of a running function fall apart into two variables.
//     So pcall hides the outer ones meanwhile.
//   - a pcall whose function cannot get a call frame any more pops 8 frames too many. So pcall
//     looks at the depth.
//   - a function that has called itself in a tail call a million times leaves a traceback with a
//     million lines, most of which nobody sees; making it takes seconds. So tail calls are
//     counted up to MaxTailCalls only.
//   - a yield that crosses a Go call (pcall, a metamethod, an iterator) leaves the Go side
//     running on the stack of a suspended coroutine. So yield looks at its callers.
//   - the registry of a Lua thread grows with deep calls and never shrinks. So a thread whose
//     registry has grown is not used again.
//   - call frames that are over stay where they are, also in the new thread or coroutine that
//     gets them out of gopher-lua's pool. They keep functions alive, those their environment,
//     and closures keep the thread that made them: from reload to reload a chain of old
//     generations. So wipe clears them.
//   - a Lua thread has room for 2048 calls and a hundred values, whether or not it can use it. So
//     those that wait lend it (room.go).
var layout = readLayout()

// stateLayout is where the fields are.
type stateLayout struct {
	known                    bool
	uvcache, frame, stack    uintptr      // in LState
	stackType                reflect.Type // of LState.stack
	idx, fn, parent, counter uintptr      // in CallFrame
	registry, slots, top     uintptr      // in LState, and in what is there
	tailCallCount            uintptr      // in CallFrame
	segments, frames         uintptr      // in what the interface LState.stack holds, and in what is there
	framesType               reflect.Type // of frames
	registryType             reflect.Type // of what registry points to
	handler                  uintptr      // in the registry: an interface that holds the LState
	growingType, segmentType reflect.Type // of what stack holds a pointer to, and of what segments point to
}

func readLayout() (l stateLayout) {
	state := reflect.TypeFor[lua.LState]()
	uvcache, ok1 := state.FieldByName("uvcache")
	frame, ok2 := state.FieldByName("currentFrame")
	stack, ok3 := state.FieldByName("stack")
	if !ok1 || !ok2 || !ok3 || uvcache.Type != reflect.TypeFor[*lua.Upvalue]() ||
		frame.Type.Kind() != reflect.Pointer || frame.Type.Elem().Kind() != reflect.Struct {
		return l
	}
	call := frame.Type.Elem()
	idx, ok1 := call.FieldByName("Idx")
	fn, ok2 := call.FieldByName("Fn")
	parent, ok3 := call.FieldByName("Parent")
	counter, ok4 := call.FieldByName("Pc")
	tailCalls, ok5 := call.FieldByName("TailCall")
	intType := reflect.TypeFor[int]()
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || idx.Type != intType || counter.Type != intType ||
		tailCalls.Type != intType ||
		fn.Type != reflect.TypeFor[*lua.LFunction]() || parent.Type != frame.Type {
		return l
	}
	registry, ok := state.FieldByName("reg")
	if !ok || registry.Type.Kind() != reflect.Pointer || registry.Type.Elem().Kind() != reflect.Struct {
		return l
	}
	slots, ok := registry.Type.Elem().FieldByName("array")
	if !ok || slots.Type != reflect.TypeFor[[]lua.LValue]() {
		return l
	}
	top, ok := registry.Type.Elem().FieldByName("top")
	if !ok || top.Type != intType {
		return l
	}
	handler, ok := registry.Type.Elem().FieldByName("handler")
	if !ok || handler.Type.Kind() != reflect.Interface {
		return l
	}
	probe := lua.NewState(lua.Options{SkipOpenLibs: true, MinimizeStackMemory: true})
	growing := reflect.ValueOf(probe).Elem().FieldByIndex(stack.Index).Elem().Type()
	if growing.Kind() != reflect.Pointer || growing.Elem().Kind() != reflect.Struct {
		return l
	}
	segments, ok := growing.Elem().FieldByName("segments")
	if !ok || segments.Type.Kind() != reflect.Slice || segments.Type.Elem().Kind() != reflect.Pointer {
		return l
	}
	frames, ok := segments.Type.Elem().Elem().FieldByName("array")
	if !ok || frames.Type.Kind() != reflect.Array || frames.Type.Elem() != call {
		return l
	}
	return stateLayout{
		known:   true,
		handler: handler.Offset, registryType: registry.Type.Elem(),
		growingType: growing.Elem(), segmentType: segments.Type.Elem().Elem(),
		segments: segments.Offset, frames: frames.Offset, framesType: frames.Type,
		registry: registry.Offset, slots: slots.Offset, top: top.Offset,
		uvcache: uvcache.Offset, frame: frame.Offset, stack: stack.Offset, stackType: stack.Type,
		idx: idx.Offset, fn: fn.Offset, parent: parent.Offset, counter: counter.Offset,
		tailCallCount: tailCalls.Offset,
	}
}

// CallFrame is a call of a function in a Lua thread, as gopher-lua keeps it. It is good until the
// function returns.
type CallFrame struct{ p unsafe.Pointer }

// Valid says whether there is a call: the outermost one has no caller.
func (f CallFrame) Valid() bool { return f.p != nil }

// Function returns the function that is called.
func (f CallFrame) Function() *lua.LFunction {
	return *(**lua.LFunction)(unsafe.Add(f.p, layout.fn))
}

// Caller returns the call that has made this one.
func (f CallFrame) Caller() CallFrame {
	return CallFrame{*(*unsafe.Pointer)(unsafe.Add(f.p, layout.parent))}
}

// PC returns the index of the instruction of Lua code that comes next.
func (f CallFrame) PC() int { return *(*int)(unsafe.Add(f.p, layout.counter)) }

// TailCalls returns how many calls this one has taken the place of, at most MaxTailCalls.
func (f CallFrame) TailCalls() int { return *f.tailCallCount() }

func (f CallFrame) tailCallCount() *int { return (*int)(unsafe.Add(f.p, layout.tailCallCount)) }
func (f CallFrame) depth() int          { return *(*int)(unsafe.Add(f.p, layout.idx)) + 1 }

// CurrentFrame returns the call of the function that runs in L.
func CurrentFrame(L *lua.LState) CallFrame {
	return CallFrame{*(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(L), layout.frame))}
}

// SwapUpvalues makes list the open upvalues of L and returns those before.
func SwapUpvalues(L *lua.LState, list *lua.Upvalue) *lua.Upvalue {
	field := (**lua.Upvalue)(unsafe.Add(unsafe.Pointer(L), layout.uvcache))
	before := *field
	*field = list
	return before
}

// RegistryCap returns for how many values L has room.
func RegistryCap(L *lua.LState) int {
	slots, _ := slotsOf(L)
	return cap(*slots)
}

// slotsOf is the registry of L, and how many of its values are in use.
func slotsOf(L *lua.LState) (slots *[]lua.LValue, top int) {
	registry := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(L), layout.registry))
	return (*[]lua.LValue)(unsafe.Add(registry, layout.slots)), *(*int)(unsafe.Add(registry, layout.top))
}

// segmentsOf is the list of segments of call frames of L: those in use, and then nil.
func segmentsOf(L *lua.LState) *[]unsafe.Pointer {
	// An interface is two words, the second of which points to the stack.
	stack := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(L), layout.stack+unsafe.Sizeof(uintptr(0))))
	return (*[]unsafe.Pointer)(unsafe.Add(stack, layout.segments))
}

// Wipe has L, in which nothing runs, refer to nothing that has run in it or, before it was made,
// elsewhere.
func Wipe(L *lua.LState) {
	slots, _ := slotsOf(L)
	clear((*slots)[L.GetTop():cap(*slots)])
	WipeFrames(L, 0)
}

// WipeFrames clears the call frames of L, in which nothing runs, but for the first ones.
func WipeFrames(L *lua.LState, first int) {
	// The first segment is all that is left of the stack.
	frames := reflect.NewAt(layout.framesType, unsafe.Add((*segmentsOf(L))[0], layout.frames)).Elem()
	frames.Slice(first, frames.Len()).Clear()
}

// CallDepth returns how many calls are on the stack of L.
func CallDepth(L *lua.LState) int {
	if f := CurrentFrame(L); f.Valid() {
		return f.depth()
	}
	return 0
}

// CanYield says whether only Lua calls lie between the Go function that runs in L and the body of
// L's coroutine.
func CanYield(L *lua.LState) bool {
	f := CurrentFrame(L).Caller()
	if !f.Valid() {
		return false // the Go function is the body
	}
	for ; f.Valid(); f = f.Caller() {
		fn := f.Function()
		if fn.IsG {
			return false
		}
		// Metamethods and iterators are called by Go code in the middle of another instruction.
		switch Opcode(fn.Proto.Code[f.PC()-1]) {
		case lua.OP_CALL, lua.OP_TAILCALL:
		default:
			return false
		}
	}
	return true
}

// RanOut says whether L is a suspended coroutine whose body ended with "return coroutine.yield()":
// gopher-lua has dropped the body's frame already, and the next resume only hands over the results.
func RanOut(L *lua.LState) bool {
	if CurrentFrame(L).Valid() {
		return false
	}
	field := reflect.NewAt(layout.stackType, unsafe.Add(unsafe.Pointer(L), layout.stack))
	stack, ok := field.Elem().Interface().(interface{ IsEmpty() bool })
	return ok && stack.IsEmpty()
}
