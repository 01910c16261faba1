package oidc

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"golang.org/x/oauth2"

	"github.com/caddy-rover/rover/luart/sealed"
)

const (
	// AttemptLife is how long a user may take at the provider.
	AttemptLife = 10 * time.Minute

	// MaxAttempts bounds the logins of one browser that have not come to an end: each is a cookie that
	// comes with every request, and servers bound the head of one.
	MaxAttempts = 5

	// maxState is longer than a state.
	maxState = 64
)

var text = base64.RawURLEncoding.Strict()

// Attempt is one login, from the redirect to the provider to the way back. Its browser keeps it, sealed
// in a cookie; nobody else can read or make one.
type Attempt struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // of PKCE
	Back     string `json:"b"` // a path of the site
	At       int64  `json:"m"` // milliseconds since 1970
}

// NewAttempt begins a login that leads back to a path.
func NewAttempt(back string, now time.Time, random io.Reader) *Attempt {
	return &Attempt{State: newText(random), Nonce: newText(random), Verifier: newText(random), Back: Back(back), At: now.UnixMilli()}
}

// newText returns 32 random bytes as text. The source never fails.
func newText(random io.Reader) string {
	var b [32]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		panic(fmt.Sprintf("no random bytes: %v", err))
	}
	return text.EncodeToString(b[:])
}

// Attempts seals and opens the attempts of one login.
type Attempts struct {
	box    *sealed.Box
	prefix string
}

// NewAttempts returns those of a config, sealed by keys. What another provider's login, or that of
// another client, has begun cannot be ended here.
func NewAttempts(c *Config, box *sealed.Box) *Attempts {
	prefix := "rover_attempt." + c.Name + "." // no name has a dot: none is the beginning of another
	if c.IsSecure() {
		prefix = "__Host-" + prefix
	}
	return &Attempts{box, prefix}
}

// Context is what tells sealed attempts of a config from those of others.
func (c *Config) Context() string { return c.Name + "\x00" + c.Issuer + "\x00" + c.ClientID }

// Prefix is what the names of all its cookies begin with.
func (a *Attempts) Prefix() string { return a.prefix }

// Cookie is the name of the cookie of an attempt, by its state. Tabs have one each.
func (a *Attempts) Cookie(state string) string {
	sum := sha256.Sum256([]byte(state))
	return a.prefix + text.EncodeToString(sum[:9])
}

// Seal returns an attempt as the value of its cookie.
func (a *Attempts) Seal(t *Attempt, random io.Reader) string {
	plain, err := json.Marshal(t)
	if err != nil {
		panic(err) // texts and a number
	}
	return a.box.Seal(plain, random)
}

// Open returns an attempt that is not too old; ok is false for anything else.
func (a *Attempts) Open(value string, now time.Time) (t *Attempt, ok bool) {
	plain, _, err := a.box.Open(value)
	if err != nil {
		return nil, false
	}
	t = &Attempt{}
	if json.Unmarshal(plain, t) != nil {
		return nil, false
	}
	age := now.Sub(time.UnixMilli(t.At))
	return t, age < AttemptLife && age > -time.Minute
}

// Is reports whether the attempt has a state.
func (t *Attempt) Is(state string) bool {
	return subtle.ConstantTimeCompare([]byte(t.State), []byte(state)) == 1
}

// IsState reports whether text may be a state.
func IsState(text string) bool { return text != "" && len(text) <= maxState }

// Used is the key in a store that says that an attempt has come to its end.
func (c *Config) Used(state string) string {
	sum := sha256.Sum256([]byte(c.Context() + "\x00" + state))
	return "login:used:" + text.EncodeToString(sum[:])
}

// AuthURL is where a browser is sent to.
func (c *Config) AuthURL(d *Document, t *Attempt, redirect string) string {
	options := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(t.Verifier), oauth2.SetAuthURLParam("nonce", t.Nonce),
	}
	for name := range c.Params {
		options = append(options, oauth2.SetAuthURLParam(name, c.Params.Get(name)))
	}
	return c.client(d, redirect).AuthCodeURL(t.State, options...)
}

// client is the config as package oauth2 has it.
func (c *Config) client(d *Document, redirect string) *oauth2.Config {
	endpoint := d.provider.Endpoint()
	endpoint.AuthStyle = d.style
	if c.ClientSecret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: endpoint,
		RedirectURL: redirect, Scopes: c.Scopes,
	}
}
