package oidc

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddy-rover/rover/luart/auth"
)

// Config is what a script says of a login. It is not changed once it is used.
type Config struct {
	Name         string
	Issuer       string
	ClientID     string
	ClientSecret string     // "": a public client
	Redirects    []*url.URL // where the provider sends browsers back to, one for each host
	Scopes       []string   // with openid
	Params       url.Values // more of them for the provider
	Algs         []string   // of ID tokens
	Leeway       time.Duration
	Userinfo     bool
	KeepAccess   bool // in the session
	PostLogout   string
	Allow        Allow
}

// Algs are the algorithms that an ID token may be signed by. Each is one of a public key: what a
// provider publishes is no secret, and what it shares with a client others may share too.
var Algs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// ownParams are what the login itself says to the provider.
var ownParams = []string{
	"client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri",
}

// IsOwnParam reports whether no script may set a parameter.
func IsOwnParam(name string) bool { return slices.Contains(ownParams, name) }

// ParseURL reads an address of a provider or of the site. Over plain HTTP, who is on the way reads and
// changes everything, so that is for this machine only.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "":
		return nil, errors.New("a URL expected that begins with https:// and has a host, and no user and no fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("https:// expected: http:// is for localhost only")
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// ParseRedirect reads a redirect_uri.
func ParseRedirect(text string) (*url.URL, error) {
	u, err := ParseURL(text)
	if err != nil {
		return nil, err
	}
	if u.RawQuery != "" || u.ForceQuery || len(u.Path) < 2 || u.RawPath != "" || strings.ContainsAny(u.Path, "\\%") || !isOwnPath(u.Path) {
		return nil, errors.New("a URL with a path of its own expected, such as https://example.com/oauth2/callback")
	}
	return u, nil
}

// hostOf is the host of a URL as browsers send it: in small letters, without the scheme's port.
func hostOf(scheme, host string) string {
	host = strings.ToLower(host)
	switch {
	case scheme == "https":
		host = strings.TrimSuffix(host, ":443")
	case scheme == "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return host
}

// Redirect returns the redirect_uri for a request by its Host, which decides among those of the script
// only. same is false where none is of this host: then it is the first one.
func (c *Config) Redirect(host string) (u *url.URL, same bool) {
	for _, u := range c.Redirects {
		if hostOf(u.Scheme, u.Host) == hostOf(u.Scheme, host) {
			return u, true
		}
	}
	return c.Redirects[0], false
}

// RedirectOf is Redirect for a URL, where there may be none yet.
func (c *Config) RedirectOf(u *url.URL) (found *url.URL, same bool) {
	if len(c.Redirects) == 0 {
		return nil, false
	}
	return c.Redirect(u.Host)
}

// IsCallback reports whether a path and a host are those of a redirect_uri.
func (c *Config) IsCallback(host, path string) bool {
	u, same := c.Redirect(host)
	return same && u.Path == path
}

// IsSecure reports whether browsers come over HTTPS.
func (c *Config) IsSecure() bool { return c.Redirects[0].Scheme == "https" }

// Check says what is wrong with a config as a whole.
func (c *Config) Check() error {
	for _, u := range c.Redirects[1:] {
		if u.Scheme != c.Redirects[0].Scheme {
			return errors.New("option 'redirect_uri': all with https://, or all with http://")
		}
	}
	if c.Leeway < 0 || c.Leeway > auth.MaxLeeway {
		return fmt.Errorf("option 'leeway': seconds from 0 to %.0f expected", auth.MaxLeeway.Seconds())
	}
	return nil
}
