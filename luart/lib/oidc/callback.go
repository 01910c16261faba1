package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/cookie"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/oidc"
	engine "github.com/caddy-rover/rover/luart/store"
)

// maxCode is longer than a code of a provider.
const maxCode = 4096

// callback ends a login: the provider has sent the browser back.
func (l *login) callback(L *lua.LState, req lib.Request) int {
	r := req.HTTP()
	redirectTo, same := l.Redirect(r.Host)
	q, err := url.ParseQuery(r.URL.RawQuery)
	state := q["state"]
	if err != nil || !same || len(state) != 1 || !oidc.IsState(state[0]) {
		l.refuse(L, http.StatusBadRequest, textExpired, "the way back has no state, or two")
	}
	t := l.attempt(L, req, state[0])
	doc := l.document(L)
	l.take(L, req, t)
	if err := doc.CheckIssuer(l.Issuer, q["iss"]); err != nil {
		l.refuse(L, http.StatusBadRequest, textFailed, err.Error())
	}
	if len(q["error"]) > 0 {
		l.denied(L, q)
	}
	if len(q["code"]) != 1 || q["code"][0] == "" || len(q["code"][0]) > maxCode {
		l.refuse(L, http.StatusBadRequest, textFailed, "the way back has no code, or two")
	}
	login := l.exchange(L, doc, t, q["code"][0], redirectTo.String())
	claims, err := oidc.ParseClaims(login.Claims)
	if err == nil {
		err = l.Allow.Check(claims)
	}
	if err != nil {
		l.refuse(L, http.StatusForbidden, textForbidden, err.Error())
	}
	l.enter(L, login)
	return redirect(L, http.StatusFound, origin(redirectTo)+oidc.Back(t.Back))
}

// attempt returns the login that this browser has begun with a state.
func (l *login) attempt(L *lua.LState, req lib.Request, state string) *oidc.Attempt {
	name := l.attempts.Cookie(state)
	value, n := "", 0
	cookie.Each(req.HTTP().Header, func(found, v string) bool {
		if found == name {
			value = v
			n++
		}
		return true
	})
	t, ok := (*oidc.Attempt)(nil), false
	if n == 1 { // of two, somebody else has set one
		t, ok = l.attempts.Open(value, l.now())
	}
	if !ok || !t.Is(state) {
		l.refuse(L, http.StatusBadRequest, textExpired, "this browser has not begun such a login")
	}
	return t
}

// take takes an attempt: it has no second end, whoever comes with its cookie.
func (l *login) take(L *lua.LState, req lib.Request, t *oidc.Attempt) {
	l.setCookie(req, l.attempts.Cookie(t.State), "", -1)
	first := false
	err := l.sessions.Ask(L, "login", func(ctx context.Context) (err error) {
		_, first, err = l.sessions.Engine().Set(ctx, l.Used(t.State), []byte{1}, oidc.AttemptLife, engine.New)
		return err
	})
	switch {
	case err != nil:
		l.refuse(L, http.StatusServiceUnavailable, textUnavailable, "the store: "+err.Error())
	case !first:
		l.refuse(L, http.StatusBadRequest, textExpired, "this login has come to its end already")
	}
}

// denied answers for a provider that has not logged the user in. What it says goes to the log only.
func (l *login) denied(L *lua.LState, q url.Values) {
	why := fmt.Sprintf("the provider answers %.60q, %.200q", q.Get("error"), q.Get("error_description"))
	switch q.Get("error") {
	case "access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required":
		l.refuse(L, http.StatusForbidden, textDenied, why)
	case "server_error", "temporarily_unavailable":
		l.refuse(L, http.StatusServiceUnavailable, textUnavailable, why)
	}
	l.refuse(L, http.StatusBadRequest, textFailed, why)
}

// exchange gets the tokens for a code, without the hold.
func (l *login) exchange(L *lua.LState, doc *oidc.Document, t *oidc.Attempt, code, redirectURI string) *oidc.Login {
	login, err := (*oidc.Login)(nil), error(nil)
	l.await(L, func(ctx context.Context) {
		select {
		case l.exchanges <- struct{}{}:
			defer func() { <-l.exchanges }()
		default:
			err = fmt.Errorf("%w: %d logins ask it already", oidc.ErrUnavailable, MaxExchanges)
			return
		}
		login, err = guarded(func() (*oidc.Login, error) { return l.Exchange(ctx, l.provider, doc, l.asker, t, code, redirectURI) })
	})
	switch {
	case errors.Is(err, oidc.ErrUnavailable):
		l.refuse(L, http.StatusServiceUnavailable, textUnavailable, err.Error())
	case err != nil:
		l.refuse(L, http.StatusBadRequest, textFailed, err.Error())
	}
	return login
}

// guarded never panics: it reads what somebody else has written.
func guarded(do func() (*oidc.Login, error)) (login *oidc.Login, err error) {
	defer func() {
		if p := recover(); p != nil {
			login, err = nil, fmt.Errorf("reading what the provider says: %v", p)
		}
	}()
	return do()
}

// enter begins the session of a user. It has another id than before, so that nobody has it who knew the
// old one; what another user has left in it is gone.
func (l *login) enter(L *lua.LState, login *oidc.Login) {
	data, err := login.Bytes()
	if err != nil {
		l.tooLong(L, err)
	}
	s := l.sessions.Start(L, ctxAt(L))
	if old := l.stored(s); old != nil && old.Subject != login.Subject {
		if err := s.Destroy(L); err != nil {
			l.refuse(L, http.StatusServiceUnavailable, textUnavailable, "the session: "+err.Error())
		}
	}
	if err := s.SetOwn(l.value(), data); err != nil {
		l.tooLong(L, err)
	}
	if err := s.Renew(L); err != nil {
		l.refuse(L, http.StatusServiceUnavailable, textUnavailable, "the session: "+err.Error())
	}
}

func (l *login) tooLong(L *lua.LState, err error) {
	l.opened.scope.Logger().Error("a login cannot be kept", l.fields(err)...)
	l.refuse(L, http.StatusInternalServerError, textFailed, err.Error())
}
