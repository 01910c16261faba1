package session

import (
	"fmt"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/cookie"
	"github.com/caddy-rover/rover/luart/luaval"
)

const (
	tokenHeader = "X-Csrf-Token"
	tokenField  = "csrf_token"
)

// start returns the session of argument n, a ctx: the same one each time it is asked. It raises a 403
// for what another site has its visitors send, and a 503 where the store does not answer.
func (st *store) start(L *lua.LState, n int) *visit {
	req := st.vm.Request(L, n)
	if s, ok := req.Value(st).(*visit); ok {
		return s
	}
	unsafe := !isSafe(req.HTTP())
	if unsafe {
		checkOnce(L, req.HTTP().Header)
	}
	if st.origins != nil && unsafe {
		if err := st.origins.Check(asUnsafe(req.HTTP())); err != nil {
			st.counts.Refused.Add(1)
			luaval.RaiseStatus(L, http.StatusForbidden, "the request comes from another site")
		}
	}
	s := st.fresh(req)
	s.closed = req.Settled()
	if err := s.read(L, cookieOf(req.HTTP(), st.cookie.Name)); err != nil {
		if !st.open {
			luaval.RaiseCause(L, http.StatusServiceUnavailable, "sessions are not available", err)
		}
		st.noteDown(err)
		s.state = stateUnsaved
	}
	if st.tokens && unsafe { // before there is a session that a second call returns
		if ok, why := s.checkToken(L, n); !ok {
			st.counts.Refused.Add(1)
			luaval.RaiseStatus(L, http.StatusForbidden, why)
		}
	}
	if other, ok := req.Value(st).(*visit); ok { // begun while this one was read
		return other
	}
	req.SetValue(st, s)
	req.BeforeHead(s.beforeHead)
	return s
}

// judged are the headers that say whether a request is one of the site's own.
var judged = []string{"Origin", "Sec-Fetch-Site", tokenHeader}

// checkOnce raises a 400 where one of those is there twice: no browser sends two, and what is judged
// here may not be what another server takes.
func checkOnce(L *lua.LState, h http.Header) {
	for _, name := range judged {
		if n := len(h[name]); n > 1 {
			luaval.RaiseStatus(L, http.StatusBadRequest, fmt.Sprintf("%d %s headers: a request has one", n, name))
		}
	}
}

// isSafe reports whether a request changes nothing, by its method. One that opens a WebSocket, or
// another tunnel, may: what goes through it nobody asks.
func isSafe(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return len(r.Header["Upgrade"]) == 0
	}
	return false
}

// asUnsafe is a request as net/http takes it for one that changes something.
func asUnsafe(r *http.Request) *http.Request {
	if r.Method != http.MethodGet {
		return r
	}
	c := *r
	c.Method = http.MethodPost
	return &c
}

// cookieOf returns the value of the cookie of a name. Where there are several with different values
// somebody else has set one of them, for a domain or a path above: then there is none.
func cookieOf(r *http.Request, wanted string) string {
	found, n := "", 0
	cookie.Each(r.Header, func(name, value string) bool {
		if name == wanted && (n == 0 || value != found) {
			found = value
			n++
		}
		return true
	})
	if n > 1 {
		return ""
	}
	return found
}

// checkToken reports whether the request of argument n has a token of the session, in the header
// X-CSRF-Token or the field csrf_token of a form; why it has not.
func (s *visit) checkToken(L *lua.LState, n int) (ok bool, why string) {
	r := s.st.vm.Request(L, n).HTTP()
	token := r.Header.Get(tokenHeader)
	if token == "" && isForm(r) {
		luaval.CallMethod(L, n, "body", 1)
		body := L.GetTop()
		luaval.CallMethod(L, body, "form", 1)
		token, _ = luaval.StringValue(L.GetField(L.Get(-1), tokenField))
		L.SetTop(body - 1)
	}
	switch {
	case token == "":
		return false, "the CSRF token is missing"
	case !s.hasToken(token):
		return false, "the CSRF token is not one of this session"
	}
	return true, ""
}

func isForm(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data"
}
