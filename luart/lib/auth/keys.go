package auth

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/luaval"
)

var (
	kinds          = []string{"signing", "encryption"}
	secretsOptions = luaval.NewOptions(kinds...).Within("signing", setOptions).Within("encryption", setOptions)
	setOptions     = luaval.NewOptions("active", "keys")
)

const shortRemedy = "take 32 random bytes or more: openssl rand -base64 32"

// keysArgument reads argument n: a secret or PEM as text, a key set, or published keys.
func (o *opened) keysArgument(L *lua.LState, n int) auth.Keys {
	keys, err := o.keysOf(L, L.Get(n))
	switch {
	case err != nil:
		luaval.ArgError(L, n, err.Error())
	case keys == nil:
		luaval.ArgTypeError(L, n, whatKeys)
	}
	return keys
}

const whatKeys = "a secret, a PEM key, or what rover.auth.secrets or rover.auth.jwks returns"

// keysOf returns the keys that a value is, nil if it is something else.
func (o *opened) keysOf(L *lua.LState, v lua.LValue) (auth.Keys, error) {
	switch v := v.(type) {
	case lua.LString:
		return o.key(L, string(v))
	case *lua.LUserData:
		switch keys := v.Value.(type) {
		case *keySet:
			if keys.signing == nil {
				return nil, errors.New("the key set has no keys for signing")
			}
			return keys.signing, nil
		case *published:
			return keys, nil
		}
	}
	return nil, nil
}

// key reads a key that stands in the script. The error never has a part of it.
func (o *opened) key(L *lua.LState, text string) (auth.Keys, error) {
	k := o.parsed[text]
	if k == nil {
		var err error
		if k, err = auth.ParseKey(text); err != nil {
			return nil, err
		}
		if len(o.parsed) >= maxParsed {
			clear(o.parsed)
		}
		o.parsed[text] = k
	}
	if k.IsShort() {
		o.warnShort(L)
	}
	return k, nil
}

func (o *opened) warnShort(L *lua.LState) {
	o.warn(L, fmt.Sprintf("a secret of fewer than %d bytes can be guessed from one token", auth.MinSecret), shortRemedy)
}

// shortest returns how many bytes the shortest secret among keys has that is too short; 0: none is.
func shortest(keys auth.Keys) int {
	if keys, ok := keys.(interface{ Shortest() int }); ok {
		return keys.Shortest()
	}
	return 0
}

// secrets is rover.auth.secrets{signing = {active =, keys = {id = key}}, encryption = …}.
func (o *opened) secrets(L *lua.LState) int {
	t := luaval.OptTable(L, 1)
	if t == nil {
		t = L.NewTable()
	}
	set := &keySet{}
	secretsOptions.Each(L, t, 1, func(name string, v lua.LValue) {
		part, ok := v.(*lua.LTable)
		if !ok {
			luaval.ArgError(L, 1, "option '"+name+"': a table expected, { active = id, keys = { [id] = key } }")
		}
		read := readSet(L, name, part)
		if name == "encryption" {
			set.encryption = read
			return
		}
		if set.signing = read; len(read.Short()) > 0 {
			o.warnShort(L)
		}
	})
	L.Push(luaval.NewObject(o.state.set, set))
	return 1
}

// readSet reads one part of the table. What it has may be secret: no error shows it.
func readSet(L *lua.LState, name string, t *lua.LTable) *auth.Set {
	fail := func(why string) { luaval.ArgError(L, 1, "option '"+name+"': "+why) }
	active, keys := "", map[string]string(nil)
	t.ForEach(func(k, v lua.LValue) {
		switch k.String() {
		case "active":
			id, ok := v.(lua.LString)
			if !ok {
				fail("active: the name of a key expected")
			}
			active = string(id)
		case "keys":
			list, ok := v.(*lua.LTable)
			if !ok {
				fail("keys: a table expected, { [id] = key }")
			}
			keys = map[string]string{}
			list.ForEach(func(id, key lua.LValue) {
				text, ok := key.(lua.LString)
				name, named := id.(lua.LString)
				if !ok || !named {
					fail("keys: a text expected for each name of a key")
				}
				keys[string(name)] = string(text)
			})
		default:
			if name, ok := k.(lua.LString); ok {
				fail(setOptions.Unknown(string(name)))
			}
			fail("options by name expected, got a " + luaval.TypeName(k) + " as a name")
		}
	})
	set, err := auth.NewSet(active, keys, name == "signing")
	if err != nil {
		fail(err.Error())
	}
	return set
}

// part returns the part of a key set that arguments 1 and 2 name.
func part(L *lua.LState) (set **auth.Set, kind string) {
	ud, _ := L.Get(1).(*lua.LUserData)
	if ud == nil {
		luaval.ArgTypeError(L, 1, "key set")
	}
	keys, ok := ud.Value.(*keySet)
	if !ok {
		luaval.ArgTypeError(L, 1, "key set")
	}
	switch kind = luaval.CheckString(L, 2); kind {
	case "signing":
		return &keys.signing, kind
	case "encryption":
		return &keys.encryption, kind
	}
	luaval.ArgError(L, 2, `"signing" or "encryption" expected`)
	return nil, ""
}

// rotate is rover.auth.rotate(secrets, kind, id, key).
func (o *opened) rotate(L *lua.LState) int {
	set, kind := part(L)
	id, key := luaval.CheckString(L, 3), luaval.CheckString(L, 4)
	var err error
	if *set == nil {
		*set, err = auth.NewSet(id, map[string]string{id: key}, kind == "signing")
	} else {
		err = (*set).Add(id, key, kind == "signing")
	}
	if err != nil {
		luaval.ArgError(L, 4, err.Error())
	}
	if kind == "signing" && len((*set).Short()) > 0 {
		o.warnShort(L)
	}
	return 0
}

// active is rover.auth.active(secrets, kind).
func active(L *lua.LState) int {
	set, _ := part(L)
	if *set == nil {
		L.Push(lua.LNil)
		return 1
	}
	id, key, _ := (*set).Active()
	t := L.CreateTable(0, 2)
	t.RawSetString("id", lua.LString(id))
	t.RawSetString("key", lua.LString(key))
	L.Push(t)
	return 1
}
