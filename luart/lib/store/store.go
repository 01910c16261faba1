// Package store is rover.store: values between requests, and between processes where the operator
// names a server for it. The engine is one of package luart/store.
package store

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/subscription"
	"github.com/caddy-rover/rover/luart/luaval"
	engine "github.com/caddy-rover/rover/luart/store"
)

//go:embed store.lua
var stubs string

// Library is rover.store.
var Library = &lib.Library{
	Name: "store", Stubs: stubs, Explains: true,
	Makes: map[string]string{"": "store", "store:lock": "store lock", "store:subscribe": "subscription"},
	Options: map[string]luaval.OptionsAt{
		"": openOptions.At(2), "store:set": setOptions.At(3), "store:cas": casOptions.At(4), "store:incr": incrOptions.At(3),
		"store:list": listOptions.At(2), "store:take": takeOptions.At(2), "store:lock": lockOptions.At(2),
	},
	NewState: newState,
	Open:     open,
}

const (
	// MaxKey bounds a key of a script. The engine's has the names of VM and store before it.
	MaxKey = 512

	maxName = 128

	// DefaultTTL is how long a value lives where nobody says.
	DefaultTTL = 24 * time.Hour

	// MaxList is how many keys one answer of list may have.
	MaxList     = 1000
	defaultList = 100
)

// metas are the types of a VM.
type metas struct{ store, lock, subscription *lua.LTable }

func newState(vm lib.VM) any {
	return &metas{
		store:        luaval.NewType(vm.L(), "store", methods, nil),
		lock:         luaval.NewType(vm.L(), "store lock", lockMethods, lockField),
		subscription: subscription.NewType(vm),
	}
}

// opened is the library in one generation.
type opened struct {
	vm     lib.VM
	engine engine.Store
	metas  *metas
	subs   *subscription.Set
}

func open(scope *lib.Scope) lua.LValue {
	o := &opened{vm: scope.VM, engine: scope.Store, metas: scope.State.(*metas)}
	o.subs = newSet(scope, "rover.store", o.metas.subscription)
	return scope.L().NewFunction(o.open)
}

// store is what a script has of a store.
type store struct {
	*opened
	name string
	ttl  time.Duration // where nobody says
}

var openOptions = luaval.NewOptions("ttl", "forever")

// open is rover.store(name[, options]).
func (o *opened) open(L *lua.LState) int {
	s := &store{opened: o, name: luaval.CheckString(L, 1), ttl: DefaultTTL}
	if s.name == "" || len(s.name) > maxName {
		luaval.ArgError(L, 1, fmt.Sprintf("a name of 1 to %d bytes expected", maxName))
	}
	if t := luaval.OptTable(L, 2); t != nil {
		openOptions.Each(L, t, 2, func(name string, v lua.LValue) { readLife(L, 2, name, v, &s.ttl) })
	}
	L.Push(luaval.NewObject(o.metas.store, s))
	return 1
}

// readLife reads the options ttl and forever.
func readLife(L *lua.LState, n int, name string, v lua.LValue, ttl *time.Duration) {
	switch name {
	case "ttl":
		seconds, ok := v.(lua.LNumber)
		d, fine := luaval.Seconds(float64(seconds))
		if !ok || !fine || d == 0 {
			luaval.CheckOption(L, n, name, v, "seconds, more than 0,")
		}
		if *ttl = d; d == luaval.Forever {
			*ttl = engine.Forever
		}
	case "forever":
		if v != lua.LTrue && v != lua.LFalse {
			luaval.CheckOption(L, n, name, v, "a boolean")
		}
		if v == lua.LTrue {
			*ttl = engine.Forever
		}
	}
}

// call has the engine asked, and gives up the hold meanwhile where that takes time. It returns
// the engine's error.
func (s *store) call(L *lua.LState, what string, ask func(ctx context.Context) error) (err error) {
	if s.engine.Local() {
		return ask(context.Background())
	}
	s.vm.Caller().Await(L, lib.WaitsOn{What: "rover.store:" + what, Which: s.name}, func(ctx context.Context) { err = ask(ctx) })
	return err
}

// failed pushes nil and what has gone wrong.
func failed(L *lua.LState, err error) int {
	L.Push(lua.LNil)
	L.Push(lua.LString("store: " + err.Error()))
	return 2
}

func check(L *lua.LState, example string) *store {
	return luaval.CheckSelf[*store](L, "store", example)
}

// key returns argument n, a key, as the engine knows it.
func (s *store) key(L *lua.LState, n int) string {
	key := luaval.CheckText(L, n)
	if key == "" || len(key) > MaxKey {
		luaval.ArgError(L, n, fmt.Sprintf("a key of 1 to %d bytes expected", MaxKey))
	}
	return s.engineKey(key)
}

// engineKey is a key as the engine knows it. No two names and keys make the same.
func (s *store) engineKey(key string) string {
	return fmt.Sprintf("%d:%s:%s", len(s.name), s.name, key)
}

var (
	setOptions  = luaval.NewOptions("ttl", "forever", "only").Words("only", "new", "old")
	casOptions  = luaval.NewOptions("ttl", "forever")
	incrOptions = luaval.NewOptions("init", "ttl", "forever")
	listOptions = luaval.NewOptions("limit", "after")
	takeOptions = luaval.NewOptions("rate", "per", "burst", "cost")
)

// methods are those of what rover.store returns.
var methods = map[string]lua.LGFunction{
	"get":       get,
	"set":       set,
	"cas":       cas,
	"delete":    remove,
	"incr":      incr,
	"expire":    expire,
	"ttl":       ttl,
	"list":      list,
	"take":      take,
	"lock":      lock,
	"publish":   publish,
	"subscribe": subscribe,
}

// get is s:get(key): the value and its version, or nil.
func get(L *lua.LState) int {
	s := check(L, "s:get(key)")
	key := s.key(L, 2)
	var item engine.Item
	var ok bool
	err := s.call(L, "get", func(ctx context.Context) (err error) {
		item, ok, err = s.engine.Get(ctx, key)
		return err
	})
	if err != nil {
		return failed(L, err)
	}
	if !ok {
		L.Push(lua.LNil)
		return 1
	}
	v, err := Decode(L, item.Value)
	if err != nil {
		return failed(L, err)
	}
	L.Push(v)
	L.Push(lua.LNumber(item.Version))
	return 2
}

// set is s:set(key, value[, options]): true, or false where only forbids it.
func set(L *lua.LState) int {
	s := check(L, "s:set(key, value)")
	key, value := s.key(L, 2), checkValue(L, 3)
	ttl, only := s.ttl, engine.Always
	if t := luaval.OptTable(L, 4); t != nil {
		setOptions.Each(L, t, 4, func(name string, v lua.LValue) {
			readLife(L, 4, name, v, &ttl)
			if name == "only" {
				switch v {
				case lua.LString("new"):
					only = engine.New
				case lua.LString("old"):
					only = engine.Old
				default:
					luaval.CheckOption(L, 4, name, v, `"new" or "old"`)
				}
			}
		})
	}
	return s.ask(L, "set", func(ctx context.Context) (bool, error) {
		_, ok, err := s.engine.Set(ctx, key, value, ttl, only)
		return ok, err
	})
}

// cas is s:cas(key, version, value[, options]): set where the version is this one; 0 is no
// value. It returns the new version, too.
func cas(L *lua.LState) int {
	s := check(L, "s:cas(key, version, value)")
	key, version, value := s.key(L, 2), checkWhole(L, 3), checkValue(L, 4)
	ttl := engine.Keep
	if version == 0 {
		ttl = s.ttl
	}
	if t := luaval.OptTable(L, 5); t != nil {
		casOptions.Each(L, t, 5, func(name string, v lua.LValue) { readLife(L, 5, name, v, &ttl) })
	}
	var ok bool
	err := s.call(L, "cas", func(ctx context.Context) (err error) {
		version, ok, err = s.engine.CAS(ctx, key, version, value, ttl)
		return err
	})
	if err != nil {
		return failed(L, err)
	}
	L.Push(lua.LBool(ok))
	if !ok {
		return 1
	}
	L.Push(lua.LNumber(version))
	return 2
}

// remove is s:delete(key): whether there was a value.
func remove(L *lua.LState) int {
	s := check(L, "s:delete(key)")
	key := s.key(L, 2)
	return s.ask(L, "delete", func(ctx context.Context) (bool, error) { return s.engine.Delete(ctx, key) })
}

// ask pushes what the engine says, true or false.
func (s *store) ask(L *lua.LState, what string, ask func(ctx context.Context) (bool, error)) int {
	var ok bool
	err := s.call(L, what, func(ctx context.Context) (err error) {
		ok, err = ask(ctx)
		return err
	})
	if err != nil {
		return failed(L, err)
	}
	L.Push(lua.LBool(ok))
	return 1
}

// incr is s:incr(key[, by[, options]]): the sum.
func incr(L *lua.LState) int {
	s := check(L, "s:incr(key)")
	key, by, init, ttl := s.key(L, 2), int64(1), int64(0), s.ttl
	if L.Get(3) != lua.LNil {
		by = checkWhole(L, 3)
	}
	if t := luaval.OptTable(L, 4); t != nil {
		incrOptions.Each(L, t, 4, func(name string, v lua.LValue) {
			readLife(L, 4, name, v, &ttl)
			if name == "init" {
				n, ok := v.(lua.LNumber)
				if !ok || !isWhole(float64(n)) {
					luaval.CheckOption(L, 4, name, v, "an integer")
				}
				init = int64(n)
			}
		})
	}
	var sum int64
	err := s.call(L, "incr", func(ctx context.Context) (err error) {
		sum, err = s.engine.Incr(ctx, key, by, init, ttl)
		return err
	})
	if err != nil {
		return failed(L, err)
	}
	L.Push(lua.LNumber(sum))
	return 1
}

// expire is s:expire(key, seconds): whether there is a value. math.huge is forever.
func expire(L *lua.LState) int {
	s := check(L, "s:expire(key, seconds)")
	key := s.key(L, 2)
	luaval.CheckNumber(L, 3)
	ttl := luaval.CheckSeconds(L, 3, 0)
	switch ttl {
	case 0:
		luaval.ArgError(L, 3, "seconds, more than 0, expected")
	case luaval.Forever:
		ttl = engine.Forever
	}
	return s.ask(L, "expire", func(ctx context.Context) (bool, error) { return s.engine.Expire(ctx, key, ttl) })
}

// ttl is s:ttl(key): the seconds that a value has to live, math.huge or nil.
func ttl(L *lua.LState) int {
	s := check(L, "s:ttl(key)")
	key := s.key(L, 2)
	var d time.Duration
	var ok bool
	err := s.call(L, "ttl", func(ctx context.Context) (err error) {
		d, ok, err = s.engine.TTL(ctx, key)
		return err
	})
	switch {
	case err != nil:
		return failed(L, err)
	case !ok:
		L.Push(lua.LNil)
	case d == engine.Forever:
		L.Push(lua.LNumber(math.Inf(1)))
	default:
		L.Push(lua.LNumber(d.Seconds()))
	}
	return 1
}

func isWhole(f float64) bool { return f == math.Trunc(f) && math.Abs(f) < 1<<53 }

// whole is an integer; what is none is one that nothing takes.
func whole(f float64) int64 {
	if !isWhole(f) {
		return -1
	}
	return int64(f)
}

// checkWhole returns argument n, an integer below 2^53.
func checkWhole(L *lua.LState, n int) int64 {
	f := luaval.CheckNumber(L, n)
	if !isWhole(f) {
		luaval.ArgError(L, n, "an integer below 2^53 expected")
	}
	return int64(f)
}
