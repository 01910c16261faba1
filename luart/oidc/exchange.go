package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/caddy-rover/rover/luart/auth"
)

// ErrRefused says that the provider lets the user go on no longer.
var ErrRefused = errors.New("the provider refuses to go on with the login")

// CheckIssuer checks the parameter iss of the way back, RFC 9207: without it an answer of one provider
// could be taken for that of another.
func (d *Document) CheckIssuer(issuer string, given []string) error {
	switch {
	case len(given) > 1, len(given) == 1 && given[0] != issuer:
		return errors.New("the answer is from another provider")
	case len(given) == 0 && d.hasIss:
		return errors.New("the answer does not name the provider, which says that its answers do")
	}
	return nil
}

// Exchange returns the login for a code. It waits for the provider.
func (c *Config) Exchange(ctx context.Context, p *Provider, d *Document, a Asker, t *Attempt, code, redirect string) (*Login, error) {
	ctx = oidc.ClientContext(ctx, a.Client)
	token, err := c.client(d, redirect).Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return nil, failure(err)
	}
	l := &Login{Issuer: c.Issuer, Client: c.ClientID}
	if err := c.fill(ctx, p, d, a, l, token, t.Nonce); err != nil {
		return nil, err
	}
	return l, nil
}

// Refreshed returns the login with new tokens. ErrRefused: it is over.
func (c *Config) Refreshed(ctx context.Context, p *Provider, d *Document, a Asker, old *Login) (*Login, error) {
	ctx = oidc.ClientContext(ctx, a.Client)
	token, err := c.client(d, "").TokenSource(ctx, &oauth2.Token{RefreshToken: old.Refresh}).Token()
	if err != nil {
		return nil, failure(err)
	}
	l := *old
	if err := c.fill(ctx, p, d, a, &l, token, ""); err != nil {
		return nil, err
	}
	return &l, nil
}

// failure says whether the provider has refused, or cannot be asked.
func failure(err error) error {
	var e *oauth2.RetrieveError
	if !errors.As(err, &e) {
		return fmt.Errorf("%w: %w", ErrUnavailable, short(err))
	}
	code := 0
	if e.Response != nil {
		code = e.Response.StatusCode
	}
	what := fmt.Errorf("the token endpoint answers %d, error %.80q, %.200q", code, e.ErrorCode, e.ErrorDescription)
	switch e.ErrorCode {
	case "invalid_grant", "access_denied", "login_required", "interaction_required", "consent_required":
		return fmt.Errorf("%w: %w", ErrRefused, what)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, what)
}

// fill sets what tokens say. nonce is "" for those of a refresh.
func (c *Config) fill(ctx context.Context, p *Provider, d *Document, a Asker, l *Login, token *oauth2.Token, nonce string) error {
	now := p.now()
	if token.AccessToken == "" || token.Type() != "Bearer" {
		return fmt.Errorf("the token endpoint gives no bearer token, but %.40q", token.TokenType)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" && (nonce != "" || token.Extra("id_token") != nil) {
		return errors.New("the token endpoint gives no ID token: is openid among the scopes?")
	}
	if raw != "" {
		claims, err := c.verify(ctx, p, d, a, raw, token.AccessToken, nonce, now)
		if err != nil {
			return err
		}
		subject, err := textOf(claims, "sub")
		if err != nil || subject == "" || len(subject) > 255 {
			return errors.New("the ID token has no sub of 1 to 255 bytes")
		}
		if l.Subject != "" && l.Subject != subject {
			return errors.New("the refreshed ID token is of another user")
		}
		if l.Subject, l.ID = subject, raw; c.Userinfo {
			if err := c.userinfo(ctx, d, token, subject, claims); err != nil {
				return err
			}
		}
		if l.Claims, err = json.Marshal(claims); err != nil {
			return err
		}
	}
	if token.RefreshToken != "" {
		l.Refresh = token.RefreshToken
	}
	if c.KeepAccess {
		l.Access = token.AccessToken
	}
	l.Got, l.Ends = now.Unix(), 0
	if token.ExpiresIn < 0 {
		return errors.New("the token endpoint gives tokens that have expired: expires_in")
	}
	if token.ExpiresIn > 0 {
		l.Ends = now.Add(min(time.Duration(token.ExpiresIn), maxExpiry) * time.Second).Unix()
	}
	return nil
}

// maxExpiry bounds what a provider says of its tokens, in seconds: ten years.
const maxExpiry = 10 * 366 * 24 * 3600

// verify checks an ID token, OpenID Connect Core section 3.1.3.7.
func (c *Config) verify(ctx context.Context, p *Provider, d *Document, a Asker, raw, access, nonce string, now time.Time) (map[string]json.RawMessage, error) {
	keys := &keySet{keys: p.keys, asker: a, url: d.keysURL, now: now, rules: auth.Rules{
		Algs: c.Algs, Issuers: []string{c.Issuer}, Audiences: []string{c.ClientID}, Leeway: c.Leeway,
		Require: []string{"iss", "sub", "aud", "exp", "iat"},
	}}
	token, err := oidc.NewVerifier(c.Issuer, keys, &oidc.Config{
		ClientID: c.ClientID, SupportedSigningAlgs: Algs, Now: func() time.Time { return now.Add(-c.Leeway) },
	}).Verify(ctx, raw)
	switch {
	case keys.err != nil: // which package oidc turns into text
		return nil, keys.reason()
	case err != nil:
		return nil, fmt.Errorf("the ID token: %w", short(err))
	}
	return keys.claims, c.checkClaims(keys.claims, token, access, nonce, now)
}

// checkClaims checks what rules of tokens do not know. Names are in their one spelling: what
// encoding/json takes for "nonce" may be "NONCE".
func (c *Config) checkClaims(claims map[string]json.RawMessage, token *oidc.IDToken, access, nonce string, now time.Time) error {
	if got, err := textOf(claims, "nonce"); err != nil || nonce != "" && subtle.ConstantTimeCompare([]byte(got), []byte(nonce)) != 1 {
		return errors.New("the ID token is not for this login: its nonce is another")
	}
	azp, err := textOf(claims, "azp")
	if err != nil || azp != "" && azp != c.ClientID || azp == "" && len(token.Audience) > 1 {
		return errors.New("the ID token was made for another client: azp")
	}
	if !slices.Contains(token.Audience, c.ClientID) {
		return errors.New("the ID token is for another audience")
	}
	if token.IssuedAt.After(now.Add(c.Leeway)) {
		return errors.New("the ID token was issued in the future: iat")
	}
	if hash, err := textOf(claims, "at_hash"); err != nil || hash != "" && token.VerifyAccessToken(access) != nil {
		return errors.New("the access token is not that of the ID token: at_hash")
	}
	return nil
}

// textOf returns a claim that is a text, "" where there is none.
func textOf(claims map[string]json.RawMessage, name string) (text string, err error) {
	raw, ok := claims[name]
	if !ok {
		return "", nil
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", err
	}
	text, ok = v.(string)
	if !ok || text == "" {
		return "", fmt.Errorf("the claim %s is no text", name)
	}
	return text, nil
}

// userinfo adds what the provider tells of a user beside the ID token, and takes nothing back that
// the ID token says.
func (c *Config) userinfo(ctx context.Context, d *Document, token *oauth2.Token, subject string, claims map[string]json.RawMessage) error {
	// The client is that of ctx, also for the keys of an answer that is signed: the provider outlives
	// a reload, which may have changed where connections may go.
	provider := (&oidc.ProviderConfig{
		IssuerURL: c.Issuer, UserInfoURL: d.provider.UserInfoEndpoint(), JWKSURL: d.keysURL,
	}).NewProvider(ctx)
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("%w: userinfo: %w", ErrUnavailable, short(err))
	}
	more := map[string]json.RawMessage{}
	if err := info.Claims(&more); err != nil {
		return errors.New("userinfo: the answer is no JSON object")
	}
	if sub, err := textOf(more, "sub"); err != nil || sub != subject {
		return errors.New("userinfo is of another user: sub")
	}
	email, _ := textOf(claims, "email")
	if other, _ := textOf(more, "email"); email != "" && other != email {
		delete(more, "email_verified") // of another address
	}
	for name, value := range more {
		if _, there := claims[name]; !there && !slices.Contains(protocolClaims, name) {
			claims[name] = value
		}
	}
	return nil
}

// protocolClaims are about a token, and not about its user.
var protocolClaims = []string{"iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "sid", "acr", "amr", "auth_time"}
