package oidc

import (
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/cookie"
	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/session"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/oidc"
)

// methods are those of a login.
var methods = map[string]lua.LGFunction{
	// login:require(): a before hook.
	"require": func(L *lua.LState) int {
		L.Push(check(L, "login:require()").hook(L))
		return 1
	},
	// login:protect(node): the hook, in its place.
	"protect": func(L *lua.LState) int {
		l := check(L, "login:protect(api.admin)")
		if _, ok := L.Get(2).(*lua.LUserData); !ok {
			luaval.ArgTypeError(L, 2, "api, or a place below it")
		}
		L.SetField(L.GetField(L.Get(2), "before"), l.Name, l.hook(L))
		return 0
	},
	// login:user(ctx): the claims of the user; nil: nobody has logged in.
	"user": func(L *lua.LState) int {
		v := check(L, "login:user(ctx)").visit(L, 2)
		if v == nil || v.refused != nil {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(v.table(L))
		return 1
	},
	// login:access_token(ctx): that of the user; nil: nobody has logged in.
	"access_token": func(L *lua.LState) int {
		l := check(L, "login:access_token(ctx)")
		if !l.KeepAccess {
			L.RaiseError("login:access_token: rover.auth.oidc keeps it with access_token = true only")
		}
		v := l.visit(L, 2)
		if v == nil || v.refused != nil || v.login.Access == "" {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LString(v.login.Access))
		return 1
	},
	// login:start(ctx[, path]): a redirect to the provider, which leads back to a path of the site.
	"start": func(L *lua.LState) int {
		l := check(L, "login:start(ctx)")
		req := l.vm.Request(L, 2)
		back := req.HTTP().URL.RequestURI()
		if L.Get(3) != lua.LNil {
			back = luaval.CheckText(L, 3)
		}
		return l.begin(L, req, back)
	},
	"callback": func(L *lua.LState) int {
		l := check(L, "login:callback(ctx)")
		return l.callback(L, l.vm.Request(L, 2))
	},
	"logout": func(L *lua.LState) int { return check(L, "login:logout(ctx)").logout(L) },
}

func check(L *lua.LState, example string) *login {
	return luaval.CheckSelf[*login](L, "login", example)
}

// visit is who sends a request.
type visit struct {
	login   *oidc.Login
	claims  oidc.Claims
	refused error // why the user is not let in
}

// table is the claims of the user for the script: a copy of its own.
func (v *visit) table(L *lua.LState) lua.LValue {
	t, err := jsonlua.Decode(L, v.login.Claims)
	if err != nil {
		L.RaiseError("login: the claims cannot be read: %s", err)
	}
	return t
}

// hook makes the before hook.
func (l *login) hook(L *lua.LState) *lua.LFunction {
	fn := L.NewFunction(func(L *lua.LState) int {
		req := l.vm.Request(L, 1)
		r := req.HTTP()
		for _, name := range l.headers.Foreign(r.Header) { // first: who goes on has none, nor as trailers
			luaval.CallMethod(L, 1, "remove_header", 0, lua.LString(name))
		}
		if r.Method == http.MethodGet && l.IsCallback(r.Host, r.URL.Path) {
			return l.callback(L, req)
		}
		v := l.visit(L, 1)
		switch {
		case v == nil && l.optional:
			return 0
		case v == nil:
			return l.ask(L, req)
		case v.refused != nil:
			l.refuse(L, http.StatusForbidden, textForbidden, v.refused.Error())
		}
		values, err := l.headers.Values(v.claims)
		if err != nil {
			l.refuse(L, http.StatusForbidden, textForbidden, err.Error())
		}
		for name, value := range values {
			luaval.CallMethod(L, 1, "set_header", 0, lua.LString(name), lua.LString(value))
		}
		luaval.CallMethod(L, 1, "set", 0, lua.LString(l.claimsKey), v.table(L))
		return 0
	})
	if !l.opened.loaded {
		l.opened.hooks[fn] = &hook{l, luaval.CallerLine(L)}
	}
	return fn
}

// value is the name of the login among the values of a session.
func (l *login) value() string { return "login:" + l.Name }

// visit returns who sends the request of argument n, nil for nobody. It refreshes the tokens where that
// is due, and raises a 503 where nobody can say.
func (l *login) visit(L *lua.LState, n int) *visit {
	req := l.vm.Request(L, n)
	if v, ok := req.Value(l).(*visit); ok {
		return v
	}
	s := l.sessions.Start(L, n)
	login := l.fresh(L, s)
	if login == nil {
		return nil
	}
	claims, err := oidc.ParseClaims(login.Claims)
	if err != nil {
		return nil
	}
	v := &visit{login: login, claims: claims, refused: l.Allow.Check(claims)}
	req.SetValue(l, v)
	return v
}

// stored is the login that a session has; nil: none.
func (l *login) stored(s *session.Session) *oidc.Login {
	login, err := l.ParseLogin(s.Own(l.value()))
	if err != nil {
		return nil
	}
	return login
}

// ask sends a browser to the provider, and tells everything else that it is to log in.
func (l *login) ask(L *lua.LState, req lib.Request) int {
	if !oidc.IsNavigation(req.HTTP()) {
		l.refuse(L, http.StatusUnauthorized, textLogin, "nobody has logged in")
	}
	return l.begin(L, req, req.HTTP().URL.RequestURI())
}

// begin begins a login.
func (l *login) begin(L *lua.LState, req lib.Request, back string) int {
	r := req.HTTP()
	to, same := l.Redirect(r.Host)
	if !same { // its cookie would not come back
		return redirect(L, http.StatusFound, origin(to)+oidc.Back(back))
	}
	if u, err := to.Parse(back); err == nil && u.Path == to.Path { // it would lead to no page
		back = "/"
	}
	cookies := r.Header["Cookie"]
	doc := l.document(L)
	now := l.now()
	l.drop(req, cookies, now)
	t := oidc.NewAttempt(back, now, l.opened.random)
	l.setCookie(req, l.attempts.Cookie(t.State), l.attempts.Seal(t, l.opened.random), int(oidc.AttemptLife/time.Second))
	return redirect(L, http.StatusFound, l.AuthURL(doc, t, to.String()))
}

// drop removes the cookies of attempts that are of no use any more, and the oldest where there are too
// many.
func (l *login) drop(req lib.Request, cookies []string, now time.Time) {
	type pending struct {
		name string
		at   int64
	}
	var all []pending
	cookie.Each(http.Header{"Cookie": cookies}, func(name, value string) bool {
		if strings.HasPrefix(name, l.attempts.Prefix()) && len(all) < 100 {
			at := int64(0)
			if t, ok := l.attempts.Open(value, now); ok {
				at = t.At
			}
			all = append(all, pending{name, at})
		}
		return true
	})
	// Browsers send the oldest cookie first: of two that were begun at once, the last one is the newer.
	slices.Reverse(all)
	sort.SliceStable(all, func(i, k int) bool { return all[i].at > all[k].at })
	for i, p := range all {
		if p.at == 0 || i >= oidc.MaxAttempts-1 {
			l.setCookie(req, p.name, "", -1)
		}
	}
}

// setCookie sets a cookie of an attempt. A name that a client has made up is none.
func (l *login) setCookie(req lib.Request, name, value string, maxAge int) {
	c := http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: l.IsSecure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if line := c.String(); line != "" {
		req.SetCookie(name, line)
	}
}
