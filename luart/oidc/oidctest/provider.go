// Package oidctest is an OpenID Connect provider for tests, which can be told to misbehave.
package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// Provider logs in whom User says, without asking anybody. Fields may be changed by Do only, once it
// serves.
type Provider struct {
	Issuer string

	mu   sync.Mutex
	key  *ecdsa.PrivateKey
	kid  string
	n    int
	auth map[string]*grant // by code
	live map[string]*grant // by refresh token
	seen map[string]int    // requests by path

	Knobs
}

// Knobs are what it does; the zero value is a provider that behaves.
type Knobs struct {
	ClientID, ClientSecret string

	Now func() time.Time // nil: the system's

	User      jwt.MapClaims // of the ID token, with sub
	Info      map[string]any
	ExpiresIn int  // of access tokens; 0: it does not say
	Refresh   bool // gives refresh tokens, each of which is good once

	Down       bool                                                         // 500 for everything
	Fail       map[string]func(w http.ResponseWriter, r *http.Request) bool // by path: answers in place of it, true: it has
	Claims     func(c jwt.MapClaims)                                        // changes those of an ID token
	Sign       func(c jwt.MapClaims) string                                 // in place of its key
	Document   func(d map[string]any)
	Denies     url.Values // on the way back, in place of a code
	BackParams url.Values // more of them
	ReuseCode  bool       // a code is good twice
}

type grant struct {
	challenge, nonce, redirect string
	used                       bool
}

// New returns a provider that is served at a URL: see Serve.
func New(issuer string) *Provider {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return &Provider{
		Issuer: issuer, key: key, kid: "k1", auth: map[string]*grant{}, live: map[string]*grant{}, seen: map[string]int{},
		Knobs: Knobs{ClientID: "shop", ClientSecret: "a client secret of thirty-two b.", User: jwt.MapClaims{"sub": "ann"}},
	}
}

// Serve returns a provider that is served on a port of this machine until Close.
func Serve() (*Provider, *httptest.Server) {
	var p *Provider
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.ServeHTTP(w, r) }))
	p = New(s.URL)
	return p, s
}

// Do changes what it does.
func (p *Provider) Do(change func(*Knobs)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.Knobs)
}

// Seen is how many requests a path has had.
func (p *Provider) Seen(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[path]
}

// NewKey gives it another key, and takes the old one back.
func (p *Provider) NewKey(kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.kid = key, kid
}

// Revoke ends all refresh tokens.
func (p *Provider) Revoke() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.live)
}

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen[r.URL.Path]++
	fail, down := p.Fail[r.URL.Path], p.Down
	p.mu.Unlock()
	if down {
		http.Error(w, "<b>down</b>", http.StatusInternalServerError)
		return
	}
	if fail != nil && fail(w, r) { // without the lock: it may wait
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.document(w)
	case "/jwks":
		raw, _ := jose.JSONWebKey{Key: p.key.Public(), KeyID: p.kid, Use: "sig", Algorithm: "ES256"}.MarshalJSON()
		answer(w, http.StatusOK, map[string]any{"keys": []json.RawMessage{raw}})
	case "/authorize":
		p.authorize(w, r)
	case "/token":
		p.token(w, r)
	case "/userinfo":
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer(w, http.StatusOK, p.Info)
	case "/logout":
		fmt.Fprintf(w, "logged out, and back to %s", r.URL.Query().Get("post_logout_redirect_uri"))
	default:
		http.NotFound(w, r)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (p *Provider) document(w http.ResponseWriter) {
	d := map[string]any{
		"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token",
		"jwks_uri": p.Issuer + "/jwks", "userinfo_endpoint": p.Issuer + "/userinfo", "end_session_endpoint": p.Issuer + "/logout",
		"response_types_supported": []string{"code"}, "id_token_signing_alg_values_supported": []string{"ES256"},
		"code_challenge_methods_supported": []string{"S256"}, "token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
	}
	if p.Document != nil {
		p.Document(d)
	}
	answer(w, http.StatusOK, d)
}

// next returns something that was not there before.
func (p *Provider) next(what string) string {
	p.n++
	return fmt.Sprintf("%s-%d", what, p.n)
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("client_id") != p.ClientID || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" ||
		q.Get("code_challenge") == "" || q.Get("state") == "" || q.Get("nonce") == "" {
		http.Error(w, "no such client, or a bad request", http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	if p.Denies != nil {
		for name, values := range p.Denies {
			back[name] = values
		}
	} else {
		code := p.next("code")
		p.auth[code] = &grant{challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), redirect: q.Get("redirect_uri")}
		back.Set("code", code)
	}
	for name, values := range p.BackParams {
		back[name] = values
	}
	to.RawQuery = back.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(why string) {
		answer(w, http.StatusBadRequest, map[string]any{"error": why, "error_description": "<script>alert(1)</script>"})
	}
	id, secret, ok := r.BasicAuth()
	if id, _ = url.QueryUnescape(id); !ok || id != p.ClientID {
		refuse("invalid_client")
		return
	}
	if secret, _ = url.QueryUnescape(secret); secret != p.ClientSecret {
		refuse("invalid_client")
		return
	}
	var g *grant
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		g = p.auth[r.PostFormValue("code")]
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if g == nil || g.used && !p.ReuseCode || g.redirect != r.PostFormValue("redirect_uri") ||
			base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
			refuse("invalid_grant")
			return
		}
		g.used = true
	case "refresh_token":
		old := r.PostFormValue("refresh_token")
		if g = p.live[old]; g == nil {
			clear(p.live) // it was used before: somebody has stolen it
			refuse("invalid_grant")
			return
		}
		delete(p.live, old)
		g = &grant{}
	default:
		refuse("unsupported_grant_type")
		return
	}
	access := p.next("access")
	resp := map[string]any{"access_token": access, "token_type": "Bearer", "id_token": p.idToken(g.nonce, access)}
	if p.ExpiresIn != 0 {
		resp["expires_in"] = p.ExpiresIn
	}
	if p.Refresh {
		token := p.next("refresh")
		p.live[token] = g
		resp["refresh_token"] = token
	}
	answer(w, http.StatusOK, resp)
}

func (p *Provider) idToken(nonce, access string) string {
	hash := sha256.Sum256([]byte(access))
	now := time.Now().Unix()
	if p.Now != nil {
		now = p.Now().Unix()
	}
	c := jwt.MapClaims{
		"iss": p.Issuer, "aud": p.ClientID, "iat": now, "exp": now + 300,
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
	}
	if nonce != "" {
		c["nonce"] = nonce
	}
	for name, value := range p.User {
		c[name] = value
	}
	if p.Claims != nil {
		p.Claims(c)
	}
	if p.Sign != nil {
		return p.Sign(c)
	}
	return p.SignBy(c, p.key, p.kid)
}

// Signed returns a token by its own key.
func (p *Provider) Signed(c jwt.MapClaims) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.SignBy(c, p.key, p.kid)
}

// SignBy returns a token by a key.
func (*Provider) SignBy(c jwt.MapClaims, key *ecdsa.PrivateKey, kid string) string {
	t := jwt.NewWithClaims(jwt.SigningMethodES256, c)
	t.Header["kid"] = kid
	text, err := t.SignedString(key)
	if err != nil {
		panic(err)
	}
	return text
}
