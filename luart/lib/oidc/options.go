package oidc

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/lib/session"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/oidc"
	"github.com/caddy-rover/rover/luart/sealed"
)

// Options are those of rover.auth.oidc, LogoutOptions those of login:logout.
var (
	Options = luaval.NewOptions("issuer", "client_id", "client_secret", "redirect_uri", "name", "scopes", "key", "session", "headers",
		"allow", "optional", "userinfo", "access_token", "auth_params", "alg", "leeway", "post_logout_redirect_uri", "claims_key").
		Within("allow", allowOptions).Narrowing("allow", "alg").Words("alg", oidc.Algs...)
	LogoutOptions = luaval.NewOptions("provider", "to")

	allowOptions = luaval.NewOptions("groups", "groups_claim", "emails", "domains", "hd", "subjects").
			Narrowing("groups", "emails", "domains", "hd", "subjects")
)

const (
	maxText   = 1024
	maxSecret = 4096
)

var isName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`).MatchString

// read reads the options.
func (l *login) read(L *lua.LState, t *lua.LTable) {
	c := &l.Config
	c.Name, c.Leeway, c.Algs = "login", auth.DefaultLeeway, oidc.Algs
	var keys func() []string
	headers := map[string]string{}
	Options.Each(L, t, 1, func(name string, v lua.LValue) {
		switch name {
		case "session":
			var ok bool
			if l.sessions, ok = session.StoreOf(v); !ok {
				luaval.CheckOption(L, 1, name, v, "what rover.session.new returns")
			}
		case "key":
			if keys = session.KeysOf(v); keys == nil {
				luaval.ArgError(L, 1, "option 'key': "+session.KeysWanted+" expected") // it may be a secret
			}
		case "client_secret":
			text, ok := v.(lua.LString)
			if !ok || text == "" || len(text) > maxSecret {
				luaval.ArgError(L, 1, fmt.Sprintf("option 'client_secret': a text of 1 to %d bytes expected", maxSecret))
			}
			c.ClientSecret = string(text)
		case "headers":
			readHeaders(L, v, headers)
		case "allow":
			readAllow(L, v, &c.Allow)
		case "auth_params":
			readParams(L, v, c)
		case "redirect_uri":
			readRedirects(L, v, c)
		default:
			want, ok := l.readOption(name, v)
			if !ok {
				luaval.CheckOption(L, 1, name, v, want)
			}
		}
	})
	for name, missing := range map[string]bool{"issuer": c.Issuer == "", "client_id": c.ClientID == "", "redirect_uri": c.Redirects == nil} {
		if missing {
			luaval.ArgError(L, 1, "option '"+name+"': it is missing")
		}
	}
	if err := c.Check(); err != nil {
		luaval.ArgError(L, 1, err.Error())
	}
	if !slices.Contains(c.Scopes, "openid") {
		c.Scopes = append([]string{"openid"}, c.Scopes...)
	}
	var err error
	if l.headers, err = oidc.NewHeaders(headers); err != nil {
		luaval.ArgError(L, 1, "option 'headers': "+err.Error())
	}
	l.seal(L, keys)
	l.keep(L)
}

// seal makes what hides login attempts in cookies.
func (l *login) seal(L *lua.LState, keys func() []string) {
	if keys == nil {
		if secret := l.ClientSecret; len(secret) >= sealed.MinKeyBytes {
			keys = func() []string { return []string{secret} }
		} else { // who guesses a short one could try it on a cookie
			luaval.ArgError(L, 1, fmt.Sprintf("option 'key': it is missing, and client_secret has fewer than %d bytes: "+
				"a secret expected that all machines have, from openssl rand -base64 32 say", sealed.MinKeyBytes))
		}
	}
	box, err := sealed.NewFrom(keys, "rover login attempt", l.Context())
	if err != nil {
		luaval.ArgError(L, 1, "option 'key': "+err.Error())
	}
	l.attempts = oidc.NewAttempts(&l.Config, box)
}

// keep says where sessions are.
func (l *login) keep(L *lua.LState) {
	if l.sessions == nil {
		name := "rover_login"
		if l.Name != "login" {
			name += "." + l.Name
		}
		if l.IsSecure() {
			name = "__Host-" + name
		}
		l.sessions = session.NewStore(l.opened.scope, name, l.IsSecure())
	}
	switch {
	case l.sessions.IsSealed():
		luaval.ArgError(L, 1, "option 'session': sealed sessions have no room for tokens: one that is in the store expected")
	case !l.sessions.CrossesSites():
		luaval.ArgError(L, 1, `option 'session': with same_site = "strict" a browser that comes back from the provider has no session: "lax" expected`)
	case l.sessions.IsSecure() && !l.IsSecure():
		luaval.ArgError(L, 1, "option 'session': its cookie is secure, and redirect_uri is http://: browsers would not send it")
	case !l.sessions.IsSecure() && l.IsSecure():
		luaval.ArgError(L, 1, "option 'session': its cookie is not secure, and redirect_uri is https://")
	}
}

func (l *login) readOption(name string, v lua.LValue) (want string, ok bool) {
	c := &l.Config
	text, isText := v.(lua.LString)
	isText = isText && text != "" && len(text) <= maxText
	flag := func(to *bool) (string, bool) {
		*to = v == lua.LTrue
		return "a boolean", v == lua.LTrue || v == lua.LFalse
	}
	switch name {
	case "issuer":
		c.Issuer = string(text)
		u, err := oidc.ParseURL(c.Issuer)
		if err == nil && (u.RawQuery != "" || u.ForceQuery) {
			return "a URL without a query", false
		}
		return "a URL that begins with https:// (http:// for localhost only)", isText && err == nil
	case "client_id":
		c.ClientID = string(text)
		return fmt.Sprintf("a text of 1 to %d bytes", maxText), isText
	case "name":
		c.Name = string(text)
		return "1 to 32 letters, digits, _ and -", isText && isName(c.Name)
	case "scopes":
		c.Scopes, ok = texts(v)
		if len(c.Scopes) == 1 {
			c.Scopes = strings.Fields(c.Scopes[0])
		}
		return "a list of texts, or a text with spaces between them", ok && !slices.ContainsFunc(c.Scopes, func(s string) bool { return strings.ContainsAny(s, " \t\r\n") })
	case "optional":
		return flag(&l.optional)
	case "userinfo":
		return flag(&c.Userinfo)
	case "access_token":
		return flag(&c.KeepAccess)
	case "alg":
		c.Algs, ok = texts(v)
		return "algorithms of public keys, such as RS256", ok && !slices.ContainsFunc(c.Algs, func(a string) bool { return !slices.Contains(oidc.Algs, a) })
	case "leeway":
		n, isNumber := v.(lua.LNumber)
		c.Leeway = time.Duration(float64(n) * float64(time.Second))
		return fmt.Sprintf("seconds from 0 to %.0f", auth.MaxLeeway.Seconds()), isNumber && n >= 0 && float64(n) <= auth.MaxLeeway.Seconds()
	case "post_logout_redirect_uri":
		c.PostLogout = string(text)
		_, err := oidc.ParseURL(c.PostLogout)
		return "a URL that begins with https:// (http:// for localhost only)", isText && err == nil
	case "claims_key":
		l.claimsKey = string(text)
		return "a text of 1 to 128 bytes", isText && len(text) <= 128
	}
	return "", true
}

func readRedirects(L *lua.LState, v lua.LValue, c *oidc.Config) {
	list, ok := texts(v)
	if !ok {
		luaval.CheckOption(L, 1, "redirect_uri", v, "a URL, or a list of them")
	}
	for _, text := range list {
		u, err := oidc.ParseRedirect(text)
		if err != nil {
			luaval.ArgError(L, 1, "option 'redirect_uri': "+err.Error())
		}
		if _, same := c.RedirectOf(u); same {
			luaval.ArgError(L, 1, "option 'redirect_uri': one for each host expected")
		}
		c.Redirects = append(c.Redirects, u)
	}
}

func readHeaders(L *lua.LState, v lua.LValue, headers map[string]string) {
	t, ok := v.(*lua.LTable)
	if !ok {
		luaval.CheckOption(L, 1, "headers", v, "claims by the names of headers")
	}
	t.ForEach(func(k, claim lua.LValue) {
		name, named := k.(lua.LString)
		text, ok := claim.(lua.LString)
		switch {
		case !named || !httpguts.ValidHeaderFieldName(string(name)):
			luaval.ArgError(L, 1, fmt.Sprintf("option 'headers': %.60q is no name of a header", k.String()))
		case !ok || text == "" || len(text) > 128:
			luaval.ArgError(L, 1, fmt.Sprintf("option 'headers': the name of a claim expected for %.60q", string(name)))
		case slices.ContainsFunc(reservedHeaders, func(reserved string) bool { return oidc.IsSameHeader(reserved, string(name)) }):
			luaval.ArgError(L, 1, fmt.Sprintf("option 'headers': %s has a meaning of its own", string(name)))
		}
		headers[string(name)] = string(text)
	})
}

// reservedHeaders say how a request is to be read, or whose it is.
var reservedHeaders = []string{
	"Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Connection", "Upgrade", "Te", "Trailer", "Keep-Alive",
	"Cookie", "Expect", "Proxy-Connection", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
}

func readParams(L *lua.LState, v lua.LValue, c *oidc.Config) {
	t, ok := v.(*lua.LTable)
	if !ok {
		luaval.CheckOption(L, 1, "auth_params", v, "texts by name")
	}
	c.Params = url.Values{}
	t.ForEach(func(k, value lua.LValue) {
		name, named := k.(lua.LString)
		text, ok := value.(lua.LString)
		switch {
		case !named || !ok || len(text) > maxText:
			luaval.ArgError(L, 1, "option 'auth_params': texts by name expected")
		case oidc.IsOwnParam(string(name)):
			luaval.ArgError(L, 1, fmt.Sprintf("option 'auth_params': the login sets %s itself", string(name)))
		}
		c.Params.Set(string(name), string(text))
	})
}

func readAllow(L *lua.LState, v lua.LValue, a *oidc.Allow) {
	t, ok := v.(*lua.LTable)
	if !ok {
		luaval.CheckOption(L, 1, "allow", v, "a table")
	}
	a.GroupsClaim = "groups"
	fail := func(why string) { luaval.ArgError(L, 1, "option 'allow': "+why) }
	if why := allowOptions.Nil(t); why != "" {
		fail(why)
	}
	t.ForEach(func(k, v lua.LValue) {
		name := k.String()
		if why := allowOptions.Unknown(name); why != "" {
			fail(why)
		}
		if name == "groups_claim" {
			text, ok := v.(lua.LString)
			if a.GroupsClaim = string(text); !ok || text == "" || len(text) > 128 {
				fail("groups_claim: the name of a claim expected")
			}
			return
		}
		list, ok := texts(v)
		if !ok {
			fail(name + ": a text, or a list of at least one, expected: a list of nobody would let nobody in")
		}
		switch name {
		case "groups":
			a.Groups = list
		case "subjects":
			a.Subjects = list
		case "emails":
			a.Emails = small(list)
			for _, email := range a.Emails {
				if !oidc.IsAddress(email) {
					fail(fmt.Sprintf("emails: %.60q is no address such as ann@example.com: it would let nobody in", email))
				}
			}
		case "domains":
			a.Domains = small(list)
			for _, domain := range a.Domains {
				if strings.ContainsAny(domain, "@* ") {
					fail("domains: what is behind the @ of addresses expected, such as example.com")
				}
			}
		case "hd":
			a.HD = small(list)
		}
	})
	if a.IsEmpty() { // a setting that is missing leaves none
		fail("allow has no rule, and would let everybody in: one of groups, emails, domains, hd, subjects expected; leave allow out to let in everybody whom the provider knows")
	}
}

func small(list []string) []string {
	for i, text := range list {
		list[i] = strings.ToLower(text)
	}
	return list
}

// texts is a text, or a list of at least one.
func texts(v lua.LValue) (list []string, ok bool) {
	list, ok = luaval.Texts(v, 1)
	return list, ok && !slices.ContainsFunc(list, func(text string) bool { return text == "" || len(text) > maxText })
}
