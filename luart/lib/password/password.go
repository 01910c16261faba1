// Package password is rover.password: hashes of passwords, computed off the VM.
package password

import (
	"context"
	"crypto/rand"
	_ "embed"
	"io"
	"net/http"

	"github.com/dustin/go-humanize"
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/password"
)

//go:embed password.lua
var stubs string

var options = luaval.NewOptions("algorithm", "memory", "passes", "lanes", "cost").Words("algorithm", "argon2id", "bcrypt")

// Library is rover.password.
var Library = &lib.Library{
	Name: "password", Stubs: stubs,
	Options: map[string]luaval.OptionsAt{"hash": options.At(2), "verify": options.At(3)},
	Open:    func(s *lib.Scope) lua.LValue { return open(s, password.Everywhere) },
}

func open(s *lib.Scope, gate *password.Gate) lua.LValue {
	random := s.Grants.FakeRandom
	if random == nil {
		random = rand.Reader
	}
	t := s.L().NewTable()
	s.L().SetFuncs(t, map[string]lua.LGFunction{
		// rover.password.hash(password[, options]): a text to store.
		"hash": func(L *lua.LState) int {
			text, p := luaval.CheckText(L, 1), readOptions(L, 2)
			if err := p.CheckPassword(text); err != nil {
				luaval.RaiseStatus(L, http.StatusBadRequest, err.Error())
			}
			salt := make([]byte, password.SaltBytes)
			if _, err := io.ReadFull(random, salt); err != nil {
				L.RaiseError("reading random bytes: %s", err)
			}
			var hash string
			var failed error
			elsewhere(L, s.Caller(), gate, func() { hash, failed = p.Hash(text, salt) })
			if failed != nil {
				L.RaiseError("rover.password.hash: %s", failed)
			}
			L.Push(lua.LString(hash))
			return 1
		},
		// rover.password.verify(password, hash[, options]): whether it is the password; whether to hash
		// it anew.
		"verify": func(L *lua.LState) int {
			text, p := luaval.CheckText(L, 1), readOptions(L, 3)
			h := p.Nobody()
			if L.Get(2) != lua.LNil {
				var err error
				if h, err = password.Parse(luaval.CheckText(L, 2)); err != nil {
					luaval.ArgError(L, 2, err.Error())
				}
			}
			if err := password.CheckLength(text); err != nil {
				luaval.RaiseStatus(L, http.StatusBadRequest, err.Error())
			}
			var ok bool
			elsewhere(L, s.Caller(), gate, func() { ok = h.Matches(text) })
			L.Push(lua.LBool(ok))
			L.Push(lua.LBool(ok && h.IsWeaker(p)))
			return 2
		},
	})
	return t
}

// elsewhere calls work without the VM, when its turn has come. It raises where it would be too long
// until then.
func elsewhere(L *lua.LState, caller lib.Caller, gate *password.Gate, work func()) {
	leave, err := gate.Take()
	if err != nil {
		luaval.RaiseStatus(L, http.StatusServiceUnavailable, err.Error())
	}
	defer leave()
	var ended error
	caller.Await(L, lib.WaitsOn{What: "rover.password"}, func(ctx context.Context) { ended = gate.Run(ctx, work) })
	if ended != nil { // Await has raised by itself, as a rule
		L.RaiseError("rover.password: %s", ended)
	}
}

// readOptions reads argument n. It raises for what is no option, or would make a hash that is weak
// or too costly.
func readOptions(L *lua.LState, n int) password.Params {
	t := luaval.OptTable(L, n)
	if t == nil {
		return password.Default
	}
	p, bcrypt := password.Default, password.Params{Cost: password.DefaultCost}
	algorithm, of := "argon2id", map[string]string{}
	options.Each(L, t, n, func(name string, v lua.LValue) {
		want, ok := "", false
		switch name {
		case "algorithm":
			text, _ := v.(lua.LString)
			algorithm, ok = string(text), text == "argon2id" || text == "bcrypt"
			want = `"argon2id" or "bcrypt"`
		case "memory":
			of[name] = "argon2id"
			p.Memory, ok = kibibytes(v)
			want = `a string like "19MiB"`
		case "passes":
			of[name] = "argon2id"
			p.Passes, ok = whole[uint32](v)
			want = "a whole number"
		case "lanes":
			of[name] = "argon2id"
			p.Lanes, ok = whole[uint8](v)
			want = "a whole number"
		case "cost":
			of[name] = "bcrypt"
			bcrypt.Cost, ok = whole[int](v)
			want = "a whole number"
		}
		if !ok {
			luaval.CheckOption(L, n, name, v, want)
		}
	})
	for name, owner := range of {
		if owner != algorithm {
			luaval.ArgError(L, n, "option '"+name+"' is one of "+owner)
		}
	}
	if algorithm == "bcrypt" {
		p = bcrypt
	}
	if err := p.Check(); err != nil {
		luaval.ArgError(L, n, err.Error())
	}
	return p
}

// whole is a whole number from 1 to 100: all that passes, lanes and costs can be.
func whole[T uint8 | uint32 | int](v lua.LValue) (T, bool) {
	n, ok := v.(lua.LNumber)
	if !ok || !(n >= 1 && n <= 100) || n != lua.LNumber(int(n)) {
		return 0, false
	}
	return T(n), true
}

// kibibytes reads "19MiB".
func kibibytes(v lua.LValue) (uint32, bool) {
	text, ok := v.(lua.LString)
	if !ok {
		return 0, false
	}
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<40 {
		return 0, false
	}
	return uint32(n >> 10), true
}
