// Package cookie reads and checks cookies as browsers and upstreams do: strictly where we write them,
// byte for byte where others have. It knows no Lua. Any goroutine may call it.
package cookie

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Each calls f with the cookies of a request, in order, until it returns false. Names
// and values are the bytes that the upstream gets, without the spaces around them: what
// net/http leaves out (a quote, a comma, a byte beyond ASCII) others read. What has no "="
// is a name with an empty value.
func Each(h http.Header, f func(name, value string) bool) {
	for _, line := range h["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(pair, "=")
			name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
			if name == "" && value == "" {
				continue
			}
			if !f(name, value) {
				return
			}
		}
	}
}

// EachIn is Each for the text of a header Cookie.
func EachIn(text string, f func(name, value string) bool) { Each(http.Header{"Cookie": {text}}, f) }

// SameSite returns what "lax", "strict" or "none", in any case of letters, means.
func SameSite(text string) (mode http.SameSite, ok bool) {
	switch strings.ToLower(text) {
	case "lax":
		return http.SameSiteLaxMode, true
	case "strict":
		return http.SameSiteStrictMode, true
	case "none":
		return http.SameSiteNoneMode, true
	}
	return 0, false
}

// Wrong says why a cookie is none, or browsers take no such cookie; "" if they do.
func Wrong(c *http.Cookie) string {
	if err := c.Valid(); err != nil {
		return err.Error()
	}
	if wrong := WrongValue(c); wrong != "" {
		return wrong
	}
	if c.Path != "" && c.Path[0] != '/' {
		return "a path begins with /: browsers leave out another one"
	}
	return Dropped(c)
}

// WrongValue says why the value of a cookie does not come back as it was set; "" if it does. net/http
// puts one with a space or a comma in quotes, and browsers send them back: to them they are part of
// the value, and to Each, too.
func WrongValue(c *http.Cookie) string {
	if !c.Quoted && strings.ContainsAny(c.Value, " ,") {
		return "a value with a space or a comma would come back in quotes: encode it, with rover.url.encode say"
	}
	return ""
}

// Dropped says why browsers take no such cookie, "" if they do.
func Dropped(c *http.Cookie) string {
	name := strings.ToLower(c.Name) // browsers look at the prefix in any case of letters
	switch {
	case c.SameSite == http.SameSiteNoneMode && !c.Secure:
		return `browsers drop a cookie with same_site = "none" that is not secure: add secure = true`
	case strings.HasPrefix(name, "__secure-") && !c.Secure:
		return "browsers drop a cookie whose name begins with __Secure- and that is not secure: add secure = true"
	case strings.HasPrefix(name, "__host-") && (!c.Secure || c.Path != "/" || c.Domain != ""):
		return `browsers drop a cookie whose name begins with __Host- unless it has secure = true, path = "/" and no domain`
	}
	return ""
}

// ParseSet reads the text of a header Set-Cookie that is to be sent. What net/http would not write
// as it stands, and what browsers drop, is an error.
func ParseSet(text string) (*http.Cookie, error) {
	c, err := http.ParseSetCookie(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no Set-Cookie: %w", text, err)
	}
	if len(c.Unparsed) > 0 {
		return nil, fmt.Errorf("%q is no attribute of a cookie", c.Unparsed[0])
	}
	if c.SameSite == http.SameSiteDefaultMode { // what it says is none of the three
		return nil, errors.New("SameSite is Lax, Strict or None")
	}
	if wrong := Wrong(c); wrong != "" {
		return nil, errors.New(wrong)
	}
	return c, nil
}

// Expire makes a cookie one that deletes it.
func Expire(c *http.Cookie) {
	c.Value, c.MaxAge, c.Expires = "", -1, time.Unix(0, 0)
}
