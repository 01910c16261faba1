package option

import (
	"cmp"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/health"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/openapi"
)

// Management is what the options of rover.server say of the document on the site.
type Management struct {
	docs, open    bool
	prefix, token string
}

// Read reads docs and the options of management; ok = false for another one.
func (m *Management) Read(L *lua.LState, name string, v lua.LValue) (ok bool) {
	boolean := func(to *bool) {
		if v != lua.LTrue && v != lua.LFalse {
			L.RaiseError("rover.server: %s should be a boolean, not a %s", name, luaval.TypeName(v))
		}
		*to = v == lua.LTrue
	}
	switch name {
	case "docs":
		boolean(&m.docs)
	case "allow_unauthenticated_management":
		boolean(&m.open)
	case "management_prefix":
		prefix, _ := v.(lua.LString)
		m.prefix = string(prefix)
		if !strings.HasPrefix(m.prefix, "/") {
			L.RaiseError("rover.server: management_prefix must start with '/'")
		}
		if wrong := health.CheckPath(m.prefix); wrong != "" {
			L.RaiseError("rover.server: management_prefix %s", wrong)
		}
	case "management_token":
		token, isText := v.(lua.LString)
		switch m.token = string(token); {
		case !isText:
			L.RaiseError("rover.server: management_token should be a string, not a %s", luaval.TypeName(v))
		case m.token == "":
			L.RaiseError("rover.server: management_token cannot be empty")
		case len(m.token) < openapi.MinToken:
			L.RaiseError("rover.server: management_token has %d bytes; at least %d keep it from being guessed", len(m.token), openapi.MinToken)
		}
	default:
		return false
	}
	return true
}

// Site returns the document's site, nil where the script wants none.
func (m *Management) Site() *openapi.Site {
	if !m.docs {
		return nil
	}
	return openapi.NewSite(cmp.Or(m.prefix, openapi.DefaultPrefix), m.token, m.open)
}
