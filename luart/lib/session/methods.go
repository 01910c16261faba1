package session

import (
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	libstore "github.com/caddy-rover/rover/luart/lib/store"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/session"
	engine "github.com/caddy-rover/rover/luart/store"
)

func checkSession(L *lua.LState, example string) *visit {
	return luaval.CheckSelf[*visit](L, "session", example)
}

// checkChange is checkSession for what changes the session. Behind the head of the response nobody
// would hear of it.
func checkChange(L *lua.LState, example string) *visit {
	s := checkSession(L, example)
	if s.closed || s.req != nil && s.req.Settled() {
		L.RaiseError("session: the response has begun: change the session before, in a hook or in the handler")
	}
	return s
}

// checkName returns argument 2, the name of a value.
func checkName(L *lua.LState) string {
	name := luaval.CheckText(L, 2)
	if name == "" || len(name) > maxKey {
		luaval.ArgError(L, 2, fmt.Sprintf("a name of 1 to %d bytes expected", maxKey))
	}
	if strings.HasPrefix(name, ownPrefix) {
		luaval.ArgError(L, 2, "a name that does not begin with a NUL expected: those are for what the server keeps")
	}
	return name
}

// change notes that a value was changed.
func (s *visit) change(name string) {
	if s.changed == nil {
		s.changed = map[string]bool{}
	}
	s.changed[name] = true
	if s.state == stateDestroyed || s.state == stateInvalidated { // another one begins
		s.state = stateActive
	}
}

// must raises a 503 for what must not be believed to have been done.
func must(L *lua.LState, what string, err error) {
	if err != nil {
		luaval.RaiseCause(L, http.StatusServiceUnavailable, "the session cannot be "+what, err)
	}
}

func pushBool(L *lua.LState, b bool) int {
	L.Push(lua.LBool(b))
	return 1
}

// sessionMethods are those of a session.
var sessionMethods = map[string]lua.LGFunction{
	"get": func(L *lua.LState) int {
		s := checkSession(L, "s:get(name)")
		v := s.value(L, checkName(L))
		if s.st.compat && v != lua.LNil {
			v = luaval.NewObject(s.st.metas.compat, &compat{v})
		}
		L.Push(v)
		return 1
	},
	"set": func(L *lua.LState) int {
		s := checkChange(L, "s:set(name, value)")
		name := checkName(L)
		if L.Get(3) == lua.LNil {
			luaval.ArgError(L, 3, "a value other than nil expected: remove(name) removes one")
		}
		data, err := libstore.Encode(L, L.Get(3))
		if err != nil {
			luaval.ArgError(L, 3, err.Error())
		}
		old, had := s.record.Values[name]
		if s.record.Values[name] = data; s.record.Size() > s.st.room {
			if delete(s.record.Values, name); had {
				s.record.Values[name] = old
			}
			luaval.ArgError(L, 3, fmt.Sprintf("the session would be larger than %d bytes, the limit", s.st.room))
		}
		s.change(name)
		return 0
	},
	// s:remove(name): what it was.
	"remove": func(L *lua.LState) int {
		s := checkChange(L, "s:remove(name)")
		name := checkName(L)
		v := s.value(L, name)
		if _, ok := s.record.Values[name]; ok {
			delete(s.record.Values, name)
			s.change(name)
		}
		L.Push(v)
		return 1
	},
	"has": func(L *lua.LState) int {
		s := checkSession(L, "s:has(name)")
		_, ok := s.record.Values[checkName(L)]
		return pushBool(L, ok && s.isValid())
	},
	"len": func(L *lua.LState) int {
		s := checkSession(L, "s:len()")
		n := len(s.record.Values)
		if !s.isValid() {
			n = 0
		}
		L.Push(lua.LNumber(n))
		return 1
	},
	"is_empty": func(L *lua.LState) int {
		s := checkSession(L, "s:is_empty()")
		return pushBool(L, len(s.record.Values) == 0 || !s.isValid())
	},

	// s:id(): a session that had none is kept from now on.
	"id": func(L *lua.LState) int {
		s := checkSession(L, "s:id()")
		L.Push(lua.LString(s.keep(L)))
		return 1
	},
	// s:csrf(): a token for a form.
	"csrf": func(L *lua.LState) int {
		s := checkSession(L, "s:csrf()")
		L.Push(lua.LString(session.Token(s.keep(L), s.st.random)))
		return 1
	},
	// s:check_csrf(ctx): whether the request has a token of the session; why not.
	"check_csrf": func(L *lua.LState) int {
		s := checkSession(L, "s:check_csrf(ctx)")
		ok, why := s.checkToken(L, 2)
		if L.Push(lua.LBool(ok)); ok {
			return 1
		}
		L.Push(lua.LString(why))
		return 2
	},

	// s:save(): writes now what would be written before the response.
	"save": func(L *lua.LState) int { return saveNow(L, checkChange(L, "s:save()")) },
	// s:refresh(): save, also if nothing has changed.
	"refresh": func(L *lua.LState) int { return saveNow(L, checkChange(L, "s:refresh()")) },
	"regenerate": func(L *lua.LState) int {
		s := checkChange(L, "s:regenerate()")
		must(L, "given another id", s.regenerate(L))
		L.Push(lua.LString(s.id))
		return 1
	},
	"destroy": func(L *lua.LState) int {
		s := checkChange(L, "s:destroy()")
		must(L, "destroyed", s.destroy(L, stateDestroyed))
		return 0
	},
	"invalidate": func(L *lua.LState) int {
		s := checkChange(L, "s:invalidate()")
		must(L, "invalidated", s.destroy(L, stateInvalidated))
		return 0
	},

	"cookie": func(L *lua.LState) int {
		s := checkSession(L, "s:cookie()")
		s.keep(L)
		L.Push(lua.LString(s.cookie()))
		return 1
	},
	"state": func(L *lua.LState) int {
		s := checkSession(L, "s:state()")
		state := s.state
		if state == stateActive && s.isExpired() {
			state = "expired"
		}
		L.Push(lua.LString(state))
		return 1
	},
	"is_expired": func(L *lua.LState) int { return pushBool(L, checkSession(L, "s:is_expired()").isExpired()) },
	"is_valid": func(L *lua.LState) int {
		s := checkSession(L, "s:is_valid()")
		return pushBool(L, s.state == stateActive && s.isValid())
	},
	"created_at": func(L *lua.LState) int {
		L.Push(lua.LNumber(checkSession(L, "s:created_at()").record.Created.Unix()))
		return 1
	},
	"last_accessed": func(L *lua.LState) int {
		L.Push(lua.LNumber(checkSession(L, "s:last_accessed()").record.Touched.Unix()))
		return 1
	},
}

// keep has the session kept, and returns its id.
func (s *visit) keep(L *lua.LState) string {
	if s.id == "" && (s.closed || s.req != nil && s.req.Settled()) {
		L.RaiseError("session: the response has begun, and there is no session: begin it before, in a hook or in the handler")
	}
	if s.isNew() {
		s.wanted = true
	}
	if s.state == stateDestroyed || s.state == stateInvalidated {
		s.state = stateActive
	}
	return s.ensureID()
}

// saveNow is s:save().
func saveNow(L *lua.LState, s *visit) int {
	if s.state == stateUnsaved {
		return failed(L, engine.ErrDown)
	}
	if err := s.save(L, true); err != nil {
		return failed(L, err)
	}
	s.sendCookie()
	return pushBool(L, true)
}

// compat is a value as scripts of Rover's own server know it.
type compat struct{ v lua.LValue }

// compatMethods are those of what s:get returns with compat = true.
var compatMethods = map[string]lua.LGFunction{
	"as_string": func(L *lua.LState) int {
		return as(L, "v:as_string()", func(v lua.LValue) bool { return v.Type() == lua.LTString })
	},
	"as_integer": func(L *lua.LState) int {
		return as(L, "v:as_integer()", func(v lua.LValue) bool {
			n, ok := v.(lua.LNumber)
			return ok && n == lua.LNumber(int64(n))
		})
	},
	"as_bool": func(L *lua.LState) int {
		return as(L, "v:as_bool()", func(v lua.LValue) bool { return v.Type() == lua.LTBool })
	},
}

func as(L *lua.LState, example string, is func(lua.LValue) bool) int {
	v := luaval.CheckSelf[*compat](L, "session value", example).v
	if !is(v) {
		v = lua.LNil
	}
	L.Push(v)
	return 1
}
