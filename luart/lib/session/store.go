// Package session is rover.session: what a client is remembered by from one request to the next. It
// is kept in the store of the script, in the VM or on a server, or sealed in the client's cookie.
package session

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"io"
	"net/http"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/session"
	engine "github.com/caddy-rover/rover/luart/store"
)

//go:embed session.lua
var stubs string

// Library is rover.session.
var Library = &lib.Library{
	Name: "session", Stubs: stubs,
	Makes: map[string]string{
		"new":                  "session store",
		"session store:start":  "session",
		"session store:create": "session", "session store:get": "session", "session store:get_or_create": "session",
	},
	Options:  map[string]luaval.OptionsAt{"new": options.At(1)},
	Explains: true,
	NewState: func(vm lib.VM) any {
		return &metas{
			store:   luaval.NewType(vm.L(), "session store", storeMethods, nil),
			session: luaval.NewType(vm.L(), "session", sessionMethods, nil),
			compat:  luaval.NewType(vm.L(), "session value", compatMethods, nil),
		}
	},
	Open: open,
}

// metas are the types of a VM, and what its session stores have done.
type metas struct {
	store, session, compat *lua.LTable

	counts Counts
}

const (
	defaultTTL    = time.Hour
	defaultMaxAge = 7 * 24 * time.Hour

	maxName = 128

	// A session is marked as used when a tenth of its idle time has passed since it was: so most
	// requests only read it.
	touches = 10

	// maxCookie is what browsers take of a cookie, with its name and its attributes.
	maxCookie = 4096
)

// store is what rover.session.new has made.
type store struct {
	vm     lib.VM
	metas  *metas
	counts *Counts
	engine engine.Store
	random io.Reader

	name    string
	cookie  http.Cookie // what all cookies have
	ttl     time.Duration
	maxAge  time.Duration
	sealer  *session.Sealer // nil: they are in the store
	room    int             // for a record
	open    bool            // on_failure
	origins *http.CrossOriginProtection
	tokens  bool // csrf = "token"
	compat  bool

	warned   bool      // that the client speaks plain HTTP
	failedAt time.Time // it was logged last that the store is down
}

func open(s *lib.Scope) lua.LValue {
	random := s.Grants.FakeRandom
	if random == nil {
		random = rand.Reader
	}
	t := s.L().NewTable()
	s.L().SetFuncs(t, map[string]lua.LGFunction{
		"new": func(L *lua.LState) int {
			st := &store{vm: s.VM, counts: &s.State.(*metas).counts, metas: s.State.(*metas), engine: s.Store, random: random}
			st.read(L, luaval.OptTable(L, 1))
			L.Push(luaval.NewObject(st.metas.store, st))
			return 1
		},
		// rover.session.middleware(store): a before hook.
		"middleware": func(L *lua.LState) int {
			st := luaval.CheckSelf[*store](L, "session store", "rover.session.middleware(store)")
			L.Push(L.NewFunction(func(L *lua.LState) int {
				s := st.start(L, 1)
				luaval.CallMethod(L, 1, "set", 0, lua.LString("session"), luaval.NewObject(st.metas.session, s))
				return 0
			}))
			return 1
		},
	})
	return t
}

// storeMethods are those of what rover.session.new returns.
var storeMethods = map[string]lua.LGFunction{
	// st:start(ctx): the session of a request.
	"start": func(L *lua.LState) int {
		st := checkStore(L, "st:start(ctx)")
		L.Push(luaval.NewObject(st.metas.session, st.start(L, 2)))
		return 1
	},
	// st:create(): a session that belongs to no request. It is stored by save.
	"create": func(L *lua.LState) int {
		st := checkStore(L, "st:create()")
		L.Push(luaval.NewObject(st.metas.session, st.fresh(nil)))
		return 1
	},
	"get": func(L *lua.LState) int {
		st := checkStore(L, "st:get(id)")
		return st.find(L, luaval.CheckText(L, 2), false)
	},
	"get_or_create": func(L *lua.LState) int {
		st := checkStore(L, "st:get_or_create(id)")
		id := ""
		if L.Get(2) != lua.LNil {
			id = luaval.CheckText(L, 2)
		}
		return st.find(L, id, true)
	},
	// st:exists(id): a boolean.
	"exists": func(L *lua.LState) int {
		st := checkStore(L, "st:exists(id)")
		s := st.fresh(nil)
		found, err := s.load(L, luaval.CheckText(L, 2))
		if err != nil {
			return failed(L, err)
		}
		L.Push(lua.LBool(found))
		return 1
	},
	// st:delete(id): whether there was one.
	"delete": func(L *lua.LState) int {
		st := checkStore(L, "st:delete(id)")
		id := luaval.CheckText(L, 2)
		st.checkStored(L)
		found := false
		var err error
		if session.IsID(id) {
			err = st.call(L, "delete", func(ctx context.Context) error {
				var wrong error
				found, wrong = st.engine.Delete(ctx, st.key(id))
				return wrong
			})
		}
		if err != nil {
			return failed(L, err)
		}
		if found {
			st.counts.Ended.Add(1)
		}
		L.Push(lua.LBool(found))
		return 1
	},
	"cookie_name": func(L *lua.LState) int {
		L.Push(lua.LString(checkStore(L, "st:cookie_name()").cookie.Name))
		return 1
	},
}

func checkStore(L *lua.LState, example string) *store {
	return luaval.CheckSelf[*store](L, "session store", example)
}

// checkStored raises where sessions are sealed in their cookies: nobody else has them.
func (st *store) checkStored(L *lua.LState) {
	if st.sealer != nil {
		L.RaiseError("rover.session: sealed sessions are in their cookies only, and cannot be found by an id")
	}
}

// find pushes the session of an id, or where there is none nil, or a fresh one.
func (st *store) find(L *lua.LState, id string, create bool) int {
	st.checkStored(L)
	s := st.fresh(nil)
	found, err := s.load(L, id)
	switch {
	case err != nil:
		return failed(L, err)
	case !found && !create:
		L.Push(lua.LNil)
	default:
		L.Push(luaval.NewObject(st.metas.session, s))
	}
	return 1
}

// failed pushes nil and what has gone wrong.
func failed(L *lua.LState, err error) int {
	L.Push(lua.LNil)
	L.Push(lua.LString("store: " + err.Error()))
	return 2
}

// call has the engine asked, and gives up the hold meanwhile where that takes time. It returns
// the engine's error. ask must not touch what others may meanwhile: the session.
func (st *store) call(L *lua.LState, what string, ask func(ctx context.Context) error) (err error) {
	if st.engine.Local() {
		return ask(context.Background())
	}
	st.vm.Caller().Await(L, lib.WaitsOn{What: "rover.session:" + what, Which: st.name}, func(ctx context.Context) { err = ask(ctx) })
	if errors.Is(err, engine.ErrDown) {
		st.counts.StoreFailed.Add(1)
	}
	return err
}

// key is that of a session in the engine.
func (st *store) key(id string) string { return "session:" + st.name + ":" + session.Key(id) }

// now is the time in whole milliseconds, as records have it.
func (st *store) now() time.Time { return st.vm.Clock().Now().Truncate(time.Millisecond) }

// lifetime is how long a record lives from now if nobody uses it, 0 or less: it is over. The store and
// the cookie are both told that.
func (st *store) lifetime(r session.Record, now time.Time) time.Duration {
	return min(r.Touched.Add(st.ttl).Sub(now), r.Created.Add(st.maxAge).Sub(now))
}

// isOver reports whether a record was idle for too long, or is too old.
func (st *store) isOver(r session.Record, now time.Time) bool {
	return now.Sub(r.Touched) > st.ttl || now.Sub(r.Created) >= st.maxAge
}

// isDue reports whether a record is to be marked as used.
func (st *store) isDue(r session.Record, now time.Time) bool {
	return now.Sub(r.Touched) >= st.ttl/touches
}

// noteDown logs that sessions go on without the store, once in a while.
func (st *store) noteDown(err error) {
	if now := st.vm.Clock().Now(); st.failedAt.IsZero() || now.Sub(st.failedAt) >= time.Minute {
		st.failedAt = now
		st.vm.Logger().Warn("sessions are neither read nor saved", zap.String("session_store", st.name), zap.Error(err),
			zap.String("remedy", `while the store is down sessions are empty, because of on_failure = "open"`))
	}
}

// notePlain logs once that browsers do not keep the cookies.
func (st *store) notePlain(protocol string) {
	if st.warned || protocol != "http" || !st.cookie.Secure {
		return
	}
	st.warned = true
	st.vm.Logger().Warn("the session cookie is secure, and the request came over plain HTTP: browsers keep it on localhost at most",
		zap.String("session_store", st.name),
		zap.String("remedy", "serve the site over HTTPS; behind a proxy that does, name it in trusted_proxies; secure = false is for tests"))
}
