package session

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/cookie"
	"github.com/caddy-rover/rover/luart/cors"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/session"
)

var options = luaval.NewOptions("name", "cookie_name", "ttl", "max_age", "secure", "http_only", "same_site", "domain", "path",
	"sealed", "csrf", "trusted_origins", "on_failure", "compat").
	Words("on_failure", "closed", "open").Words("same_site", "lax", "strict", "none").Words("csrf", "token")

// read reads the options of rover.session.new.
func (st *store) read(L *lua.LState, t *lua.LTable) {
	c := &st.cookie
	c.Path, c.Secure, c.HttpOnly, c.SameSite = "/", true, true, http.SameSiteLaxMode
	st.ttl, st.maxAge = defaultTTL, 0
	csrf, origins := true, []string(nil)
	var keys func() []string
	if t != nil {
		options.Each(L, t, 1, func(name string, v lua.LValue) {
			want, ok := st.readOption(name, v)
			switch name {
			case "csrf":
				want, ok = `true, false or "token"`, v == lua.LTrue || v == lua.LFalse || v == lua.LString("token")
				csrf, st.tokens = v != lua.LFalse, v == lua.LString("token")
			case "trusted_origins":
				origins, ok = luaval.Texts(v, 1)
				want = "a list of origins"
			case "sealed":
				keys, want = KeysOf(v), KeysWanted
				ok = keys != nil
			}
			if !ok {
				if name == "sealed" { // the value may be a secret
					luaval.ArgError(L, 1, "option 'sealed': "+want+" expected")
				}
				luaval.CheckOption(L, 1, name, v, want)
			}
		})
	}
	if c.Name == "" {
		if c.Name = "rover_session"; c.Secure && c.Path == "/" && c.Domain == "" {
			c.Name = "__Host-rover_session" // browsers take it from this host alone, over HTTPS
		}
	}
	if wrong := cookie.Wrong(c); wrong != "" {
		luaval.ArgError(L, 1, wrong)
	}
	if st.name == "" {
		st.name = c.Name
	}
	if st.maxAge == 0 {
		st.maxAge = max(defaultMaxAge, st.ttl)
	}
	if st.ttl > st.maxAge {
		luaval.ArgError(L, 1, "option 'ttl': at most max_age expected: no session is idle for longer than it lives")
	}
	st.room = session.MaxBytes
	if keys != nil {
		var err error
		if st.sealer, err = session.NewSealer(keys, st.name); err != nil {
			luaval.ArgError(L, 1, "option 'sealed': "+err.Error())
		}
		longest := *c
		longest.MaxAge = int(st.maxAge / time.Second)
		st.room = session.Room(maxCookie - len(longest.String()))
	}
	if csrf {
		st.origins = http.NewCrossOriginProtection()
		for _, origin := range origins {
			as, err := cors.ParseOrigin(origin) // it has no patterns, which would never match
			if err == nil {
				err = st.origins.AddTrustedOrigin(as)
			}
			if err != nil {
				luaval.ArgError(L, 1, "option 'trusted_origins': "+err.Error())
			}
		}
	} else if origins != nil {
		luaval.ArgError(L, 1, "option 'trusted_origins': nothing asks for it with csrf = false")
	}
}

// readOption reads an option; want says what it is to be where it is not ok.
func (st *store) readOption(name string, v lua.LValue) (want string, ok bool) {
	c := &st.cookie
	text, isText := v.(lua.LString)
	flag := func(to *bool) (string, bool) {
		*to = v == lua.LTrue
		return "a boolean", v == lua.LTrue || v == lua.LFalse
	}
	life := func(to *time.Duration) (string, bool) {
		n, isNumber := v.(lua.LNumber)
		d, fine := luaval.Seconds(float64(n))
		*to = d
		return "seconds, from 1 to 400 days,", isNumber && fine && d >= time.Second && d <= 400*24*time.Hour
	}
	switch name {
	case "name":
		st.name = string(text)
		return fmt.Sprintf("a text of 1 to %d bytes", maxName), isText && text != "" && len(text) <= maxName
	case "cookie_name":
		c.Name = string(text)
		return fmt.Sprintf("a text of 1 to %d bytes", maxName), isText && text != "" && len(text) <= maxName
	case "ttl":
		return life(&st.ttl)
	case "max_age":
		return life(&st.maxAge)
	case "secure":
		return flag(&c.Secure)
	case "http_only":
		return flag(&c.HttpOnly)
	case "same_site":
		c.SameSite, ok = cookie.SameSite(string(text))
		return `"lax", "strict" or "none"`, ok
	case "domain":
		c.Domain = string(text)
		return "a domain", isText
	case "path":
		c.Path = string(text)
		return "a path that begins with /", strings.HasPrefix(c.Path, "/")
	case "on_failure":
		st.open = text == "open"
		return `"closed" or "open"`, text == "open" || text == "closed"
	case "compat":
		return flag(&st.compat)
	}
	return "", true
}

// KeysWanted is what KeysOf takes.
const KeysWanted = "a key, a list of keys, or a key set with keys for encryption"

// KeysOf returns keys for sealing, the one that seals first: of a text, a list of texts, or a key set of
// rover.auth.secrets, which may get other ones meanwhile; nil for anything else.
func KeysOf(v lua.LValue) func() []string {
	if ud, ok := v.(*lua.LUserData); ok {
		set, ok := ud.Value.(interface{ SealingKeys() []string })
		if !ok || set.SealingKeys() == nil {
			return nil
		}
		return set.SealingKeys
	}
	keys, ok := luaval.Texts(v, 1)
	if !ok {
		return nil
	}
	return func() []string { return keys }
}
