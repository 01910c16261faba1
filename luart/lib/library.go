package lib

import (
	"context"
	"io"
	"net/http"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/geo"
	"github.com/caddy-rover/rover/luart/limit"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/store"
)

// Library is what gives scripts rover.<Name>. It is not changed once a VM has it.
type Library struct {
	// Name is a Lua name. No other library of a script has it, and nothing else in rover.
	Name string

	// Stubs are definitions for lua-language-server (LuaCATS) of what scripts see. "": none.
	Stubs string

	// Makes names the functions that return an object, or nil, and the type of the object, as
	// luaval.NewType was given it: {"compile": "regular expression"}; "" is the library itself,
	// where that is a function. Methods of these objects are named as "session store:start". With it "caddy rover check" finds methods that there are not.
	Makes map[string]string

	// Options are those of the functions that take a table of them, named as in Makes, and of
	// methods of their objects: "regular expression:split", and of rules: "node.auth". With it "caddy rover check" finds
	// options that there are not. The functions should read them by the same luaval.Options.
	Options map[string]luaval.OptionsAt

	// Words are the texts that an argument of a function may be, by its name. With it
	// "caddy rover check" finds texts that stand for nothing.
	Words map[string]luaval.Words

	// Needs says what the operator has to grant before a function works: by its name, or by "" for
	// all of them. With it "caddy rover check" finds what the Caddyfile does not grant.
	Needs map[string]Grant

	// Explains says that the functions return nil and a message where something fails. With it
	// errors about such a nil say so.
	Explains bool

	// NewState makes what the library keeps in a VM from one generation to the next; nil: it
	// keeps nothing. Where a later script has another Library of the name, that gets the state
	// which is there. It must not keep an argument of Open, and so a whole generation.
	NewState func(vm VM) any

	// Open makes rover.<Name> for one generation: a table of functions, as a rule, or a function.
	Open func(s *Scope) lua.LValue
}

// Scope is the generation that a library is opened in.
type Scope struct {
	VM
	State any // what NewState has returned; nil without one

	Script string // the name of the script's file, for messages
	Dir    string // its folder, where relative paths start
	Serial uint64 // of the generation: later ones of the VM have larger ones
	Grants Grants

	// Store is what is kept between requests: inside the VM, or where the operator says.
	Store store.Store

	// Local is what is kept inside the VM, whatever the operator says.
	Local store.Store

	// Fallback is where limits count while Store does not answer.
	Fallback store.Store

	// Held counts the leases that limits take of a store.
	Held *limit.Held

	// AddRule gives places a rule, api.admin.<name>{…}. read gets what the script has written in the
	// parentheses as arguments, and raises where that is wrong; the holder calls it. It is to be
	// called while the library is opened only.
	AddRule func(name string, read func(L *lua.LState) Rule)

	// OnLoaded has the holder call a function when the script has said what it answers, before it
	// serves anything. An error says what is wrong and begins with file:line; the script is not loaded
	// then. It is called while the library is opened only.
	OnLoaded func(check func(meets Meets) error)

	// OnRetire has the holder call a function when the generation is replaced or ends; requests
	// that it serves still go on then. It is called while the library is opened only.
	OnRetire func(do func())
}

// Meets returns which functions of the script a request meets: the before hooks that cover it, and the
// handler; nil: no route has it.
type Meets func(r *http.Request) (before []*lua.LFunction, handler *lua.LFunction)

// Grant is what stands in the rover block of the Caddyfile, so that a library may do something.
type Grant string

// The grants.
const (
	AllowNet Grant = "allow net"
	AllowEnv Grant = "allow env"
	AllowFS  Grant = "allow fs <folder>"
	Geo      Grant = "geo <file.mmdb>"
)

// Missing reports whether a grant is not there.
func (g *Grants) Missing(grant Grant) bool {
	switch grant {
	case AllowNet:
		return g.Net == nil
	case AllowEnv:
		return g.Getenv == nil
	case AllowFS:
		return len(g.Files) == 0
	case Geo:
		return g.Geo == nil
	}
	return false
}

// Grants are what the operator lets a script have of the world outside.
type Grants struct {
	// Net says where connections may go ("allow net"); nil: nowhere.
	Net *outbound.Policy

	// FakeNetwork is asked in place of the network, in tests of scripts; nil: the network.
	FakeNetwork http.RoundTripper

	// FakeRandom is read in place of the system's secure source, in tests of scripts: the same bytes
	// each time. nil: that source. It never fails, and the holder reads it.
	FakeRandom io.Reader

	// Files are the folders whose files may be used ("allow fs"); none: none may.
	Files files.Grants

	// Getenv reads the environment ("allow env"); nil: it is not granted.
	Getenv func(name string) (value string, ok bool)

	// EnvPolicy says which variables Getenv reads; nil: all.
	EnvPolicy *environ.Policy

	// Geo knows where addresses are ("geo"); nil: nobody does.
	Geo geo.Source
}

// VM is the Lua VM that a library is used in.
type VM interface {
	// L makes values, types and functions. No script runs in it: a function of Lua is called in
	// the Lua state that the caller has. Only the holder may use it.
	L() *lua.LState

	// Caller returns the call that runs now. Only the holder may call it.
	Caller() Caller

	// Request returns argument n of a function, a ctx whose request is answered still. It raises
	// where there is none. Only the holder may call it.
	Request(L *lua.LState, n int) Request

	// LibraryState returns what the library of a name keeps in the VM, nil where there is nothing: for
	// a library that works with the objects of another. Any goroutine may call it.
	LibraryState(name string) any

	// Clock is what scripts go by; tests move it. nil is the system's. Any goroutine may use it.
	Clock() *clock.Clock

	// Logger is for what is about no script. Any goroutine may use it.
	Logger() *zap.Logger

	// Context ends when what waits must not go on: the VM ends. Any goroutine may use it.
	Context() context.Context

	// Go calls a function on a goroutine of its own, for which the VM waits when it ends. Any
	// goroutine may call it; the function must not touch Lua values.
	Go(do func())
}

// Provider is a Caddy module in the namespace rover.libraries, the last part of whose name is the
// library's. Library is called once the module is provisioned and validated, and also for one
// that is neither and has no configuration: for its Stubs alone.
type Provider interface {
	Library() *Library
}

// Keeper is a state that keeps data of scripts outside of Lua's values. It is counted with them,
// every few seconds, against the operator's limit of memory.
type Keeper interface {
	// Keeps lists what is kept. Only the holder may call it.
	Keeps() []Kept
}

// Counter is a state of which operators see how many things there are, and what they are called:
// "locks". Only the holder may call Counts.
type Counter interface {
	Counts() (what string, n int)
}

// Kept is something that a library keeps for scripts. Its functions are the holder's.
type Kept struct {
	Name string // for the log, where it is the largest: "rover.cache sessions"

	// Expire drops at most n items that nobody can get any more, and returns how many it has
	// dropped. It is called until it drops fewer. nil: there are no such items.
	Expire func(n int) int

	Size func() (bytes, items int)
}
