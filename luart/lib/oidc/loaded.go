package oidc

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
)

// Loaded is called when the script has loaded. It finds a login that nobody could end: browsers come
// back from the provider to a path that nothing answers.
func (o *Opened) Loaded(meets lib.Meets) error {
	o.loaded = true
	hooks := make([]*hook, 0, len(o.hooks))
	for _, h := range o.hooks {
		hooks = append(hooks, h)
	}
	slices.SortFunc(hooks, func(a, b *hook) int { return strings.Compare(a.where, b.where) })
	for _, h := range hooks {
		for _, u := range h.login.Redirects {
			if !o.answers(h.login, u, meets) {
				return fmt.Errorf("%s: nothing answers %s, to which redirect_uri of rover.auth.oidc leads, so nobody could log in: "+
					"protect a place that covers it, such as api, or write api:at(%q).get = function(ctx) return login:callback(ctx) end",
					h.where, u.Path, u.Path)
			}
		}
	}
	return nil
}

// answers reports whether a browser that comes back to u may meet what ends the login. Other functions
// of the script than hooks of logins may call login:callback.
func (o *Opened) answers(l *login, u *url.URL, meets lib.Meets) bool {
	before, handler := meets(&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{}})
	return handler != nil || slices.ContainsFunc(before, func(fn *lua.LFunction) bool {
		h := o.hooks[fn]
		return h == nil || h.login == l
	})
}
