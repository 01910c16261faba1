package oidc

import (
	"net/http"
	"net/url"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/oidc"
)

// logout is login:logout(ctx[, options]): it ends the session, and returns a redirect to the provider's
// logout, if there is one.
func (l *login) logout(L *lua.LState) int {
	atProvider, to := true, "/"
	if t := luaval.OptTable(L, 3); t != nil {
		LogoutOptions.Each(L, t, 3, func(name string, v lua.LValue) {
			switch name {
			case "provider":
				if atProvider = v == lua.LTrue; v != lua.LTrue && v != lua.LFalse {
					luaval.CheckOption(L, 3, name, v, "a boolean")
				}
			case "to":
				text, ok := v.(lua.LString)
				if to = string(text); !ok {
					luaval.CheckOption(L, 3, name, v, "a path of the site")
				}
			}
		})
	}
	req := l.vm.Request(L, 2)
	r := req.HTTP()
	if site := r.Header["Sec-Fetch-Site"]; len(site) > 0 && site[0] == "cross-site" {
		l.refuse(L, http.StatusForbidden, "the request comes from another site", "a logout of another site")
	}
	redirectTo, _ := l.Redirect(r.Host)
	s := l.sessions.Start(L, 2)
	login := l.stored(s)
	if err := s.Destroy(L); err != nil {
		l.refuse(L, http.StatusServiceUnavailable, textUnavailable, "the session: "+err.Error())
	}
	req.SetValue(l, nil)
	if atProvider && login != nil {
		if address := l.endSession(login); address != "" {
			return redirect(L, http.StatusSeeOther, address)
		}
		if l.PostLogout != "" {
			return redirect(L, http.StatusSeeOther, l.PostLogout)
		}
	}
	return redirect(L, http.StatusSeeOther, origin(redirectTo)+oidc.Back(to))
}

// endSession is the provider's logout; "" where it has none, or nobody knows. It does not wait: the
// session has ended whatever the provider does.
func (l *login) endSession(login *oidc.Login) string {
	l.provider.Wants(l.asker)
	doc, err := l.provider.Document()
	if err != nil || doc.EndSession == "" {
		return ""
	}
	u, err := url.Parse(doc.EndSession)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("id_token_hint", login.ID)
	q.Set("client_id", l.ClientID)
	if l.PostLogout != "" {
		q.Set("post_logout_redirect_uri", l.PostLogout)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
