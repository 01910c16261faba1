package shared

import (
	"container/list"
	"fmt"
	"slices"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
)

const (
	// MaxChannelItems bounds the capacity of a channel.
	MaxChannelItems = 65_536

	// MaxChannelBytes in its buffer, counted as in rover.cache, make a channel full: four
	// of the largest values.
	MaxChannelBytes = 4 * luaval.MaxDataBytes
)

// Channel is rover.channel.
var Channel = &lib.Library{
	Name: "channel", Stubs: channelStubs, Makes: map[string]string{"": "channel"}, NewState: newChannels,
	Open: func(scope *lib.Scope) lua.LValue { return scope.L().NewFunction(scope.State.(*channels).openChannel) },
}

// channels are those of a VM.
type channels struct {
	vm   lib.VM
	open map[string]*channel
	meta *lua.LTable
}

func newChannels(vm lib.VM) any {
	s := &channels{vm: vm, open: map[string]*channel{}}
	s.meta = luaval.NewType(vm.L(), "channel", channelMethods(s), nil)
	s.meta.RawSetString("__len", vm.L().NewFunction(channelLen))
	return s
}

// Counts implements lib.Counter.
func (s *channels) Counts() (what string, n int) { return "channels", len(s.open) }

// Keeps implements lib.Keeper.
func (s *channels) Keeps() (list []lib.Kept) {
	for name, ch := range s.open {
		list = append(list, lib.Kept{
			Name: "rover.channel " + name,
			Size: func() (bytes, items int) { return ch.bytes, len(ch.buffer) },
		})
	}
	return list
}

// channel hands values from senders to receivers, each exactly once and in the order in
// which they were sent. It is the holder's.
//
//   - Values wait in buffer only while no receiver waits; senders wait only while the
//     buffer is full.
//   - A value that was given to a receiver whose request has ended meanwhile goes back to
//     where it was: the buffer may be longer than the capacity then.
type channel struct {
	name      string
	capacity  int
	closed    bool
	sent      uint64     // values that have entered
	buffer    []numbered // the oldest first
	bytes     int        // in buffer
	senders   list.List  // of *channelWaiter
	receivers list.List  // of *channelWaiter
}

// numbered is a value and its place in the order of all.
type numbered struct {
	n     uint64
	value luaval.DataCopy
	bytes int // what value counts for
}

// full says whether a sender must wait for a receiver.
func (ch *channel) full() bool { return len(ch.buffer) >= ch.capacity || ch.bytes >= MaxChannelBytes }

// channelWaiter is a call that waits to send or to receive.
type channelWaiter struct {
	ready    chan struct{} // closed when it is to go on
	done     bool          // what it waits for has happened
	numbered               // what it sends, or has received
}

// openChannel is rover.channel(name[, capacity]): the VM's channel of that name. capacity,
// 0 if not given, is how many values it keeps while nobody receives; a later call that
// names one changes it. Values are plain data, and copied, as in rover.cache. Errors: a
// capacity that is no integer from 0 to 65536; more than MaxNames channels are open.
func (s *channels) openChannel(L *lua.LState) int {
	name := luaval.CheckString(L, 1)
	n := lua.LNumber(luaval.OptNumber(L, 2, -1))
	if L.Get(2) != lua.LNil && !(n >= 0 && n <= MaxChannelItems && n == lua.LNumber(int(n))) {
		luaval.ArgError(L, 2, fmt.Sprintf("an integer between 0 and %d expected", MaxChannelItems))
	}
	ch := s.open[name]
	if ch == nil {
		checkNames(L, "rover.channel", len(s.open))
		ch = &channel{name: name}
		s.open[name] = ch
	}
	if n >= 0 {
		ch.capacity = int(n)
		ch.admit()
	}
	L.Push(luaval.NewObject(s.meta, ch))
	return 1
}

// put makes a value enter: it goes to a receiver or into the buffer.
func (ch *channel) put(v numbered) {
	ch.sent++
	v.n = ch.sent
	ch.deliver(v)
}

// deliver gives a value to a receiver, or puts it into the buffer in its order.
func (ch *channel) deliver(v numbered) {
	if el := ch.receivers.Front(); el != nil {
		w := ch.receivers.Remove(el).(*channelWaiter)
		w.numbered = v
		w.signal()
		return
	}
	at := len(ch.buffer)
	for at > 0 && ch.buffer[at-1].n > v.n {
		at--
	}
	ch.buffer = slices.Insert(ch.buffer, at, v)
	ch.bytes += v.bytes
}

// admit lets senders in while there is room.
func (ch *channel) admit() {
	for ch.senders.Len() > 0 && !ch.full() {
		ch.admitOne()
	}
}

func (ch *channel) admitOne() {
	w := ch.senders.Remove(ch.senders.Front()).(*channelWaiter)
	ch.put(w.numbered)
	w.signal()
}

// take returns the oldest value, if there is one.
func (ch *channel) take() (v numbered, ok bool) {
	if len(ch.buffer) == 0 {
		if ch.senders.Len() == 0 {
			return v, false
		}
		ch.admitOne()
	}
	v = ch.buffer[0]
	ch.buffer[0] = numbered{} // the array stays for a while
	ch.buffer = ch.buffer[1:]
	ch.bytes -= v.bytes
	ch.admit()
	return v, true
}

// close lets all who wait go: receivers without a value, senders with theirs.
func (ch *channel) close() {
	ch.closed = true
	for _, waiting := range []*list.List{&ch.senders, &ch.receivers} {
		for el := waiting.Front(); el != nil; el = waiting.Front() {
			close(waiting.Remove(el).(*channelWaiter).ready)
		}
	}
}

func (w *channelWaiter) signal() {
	w.done = true
	close(w.ready)
}

// waitIn waits in a queue for d at most. When the request has ended meanwhile it raises in
// L, and undo takes back what has happened. Only the holder may call it.
func (s *channels) waitIn(L *lua.LState, on lib.WaitsOn, queue *list.List, w *channelWaiter, d time.Duration, undo func()) {
	w.ready = make(chan struct{})
	el := queue.PushBack(w)
	returned := false
	defer func() {
		queue.Remove(el)
		if !returned && w.done {
			undo()
		}
	}()
	s.vm.Caller().Park(L, on, w.ready, d)
	returned = true
}

func checkChannel(L *lua.LState, example string) *channel {
	return luaval.CheckSelf[*channel](L, "channel", example)
}

// channelMethods are those of what rover.channel returns.
func channelMethods(s *channels) map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		// ch:send(value[, seconds]): true when a receiver has the value or the channel keeps
		// it, false when the time is over; 0 does not wait. Errors: nil and what is no plain
		// data; a channel that is closed, also while it waits.
		"send": s.send,

		// ch:recv([seconds]): the oldest value; nil, "timeout"; or nil, "closed" when the
		// channel is closed and empty.
		"recv": func(L *lua.LState) int {
			ch := checkChannel(L, "ch:recv()")
			v, reason := s.receive(L, ch, luaval.CheckSeconds(L, 2, luaval.Forever))
			if reason != "" {
				L.Push(lua.LNil)
				L.Push(lua.LString(reason))
				return 2
			}
			L.Push(luaval.NewValue(L, v))
			return 1
		},

		// for value in ch:iter() do … end: it receives until the channel is closed and empty.
		"iter": func(L *lua.LState) int {
			ch := checkChannel(L, "ch:iter()")
			L.Push(L.NewFunction(func(L *lua.LState) int {
				v, _ := s.receive(L, ch, luaval.Forever)
				L.Push(luaval.NewValue(L, v))
				return 1
			}))
			return 1
		},

		// ch:close(): nothing can be sent any more; what the channel keeps can be received. A
		// later rover.channel of the name makes a new one.
		"close": func(L *lua.LState) int {
			ch := checkChannel(L, "ch:close()")
			if !ch.closed {
				ch.close()
				delete(s.open, ch.name)
			}
			return 0
		},

		// ch:len(), #ch: how many values the channel keeps.
		"len": channelLen,
	}
}

func channelLen(L *lua.LState) int {
	L.Push(lua.LNumber(len(checkChannel(L, "ch:len()").buffer)))
	return 1
}

// send is ch:send. Only the holder may call it.
func (s *channels) send(L *lua.LState) int {
	ch := checkChannel(L, "ch:send(value)")
	d := luaval.CheckSeconds(L, 3, luaval.Forever)
	if L.Get(2) == lua.LNil {
		luaval.ArgTypeError(L, 2, "value other than nil")
	}
	p, bytes, err := luaval.CopyData(L.Get(2), luaval.MaxDataBytes)
	if err != nil {
		luaval.ArgError(L, 2, err.Error())
	}
	ch.checkOpen(L)
	v := numbered{value: p, bytes: bytes}
	sent := true
	switch {
	case ch.receivers.Len() > 0 || !ch.full(): // when it is not full no other sender waits
		ch.put(v)
	case d == 0:
		sent = false
	default:
		w := &channelWaiter{numbered: v}
		s.waitIn(L, lib.WaitsOn{What: "send to channel", Which: ch.name}, &ch.senders, w, d, func() {}) // the value has its receiver: it stays sent
		if sent = w.done; !sent {
			ch.checkOpen(L)
		}
	}
	L.Push(lua.LBool(sent))
	return 1
}

func (ch *channel) checkOpen(L *lua.LState) {
	if ch.closed {
		L.RaiseError("channel %q is closed", ch.name)
	}
}

// receive returns the oldest value of ch, or why there is none: "timeout" or "closed". Only
// the holder may call it.
func (s *channels) receive(L *lua.LState, ch *channel, d time.Duration) (v luaval.DataCopy, reason string) {
	if v, ok := ch.take(); ok {
		return v.value, ""
	}
	switch {
	case ch.closed:
		return nil, "closed"
	case d == 0:
		return nil, "timeout"
	}
	w := &channelWaiter{}
	s.waitIn(L, lib.WaitsOn{What: "receive from channel", Which: ch.name}, &ch.receivers, w, d, func() { ch.deliver(w.numbered) })
	switch {
	case w.done:
		return w.value, ""
	case ch.closed:
		return nil, "closed"
	default:
		return nil, "timeout"
	}
}
