package oidc

import (
	"encoding/json"
	"errors"
	"time"
)

// MaxLogin bounds what a session keeps of a login: the session has 16 KiB at most.
const MaxLogin = 14 << 10

// Login is what a session keeps of a user who has logged in.
type Login struct {
	Issuer  string          `json:"iss"`
	Client  string          `json:"client"`
	Subject string          `json:"sub"`
	Claims  json.RawMessage `json:"claims"`
	ID      string          `json:"id_token"` // the logout at the provider wants it
	Access  string          `json:"access,omitempty"`
	Refresh string          `json:"refresh,omitempty"`
	Got     int64           `json:"got"`            // when the tokens came, in seconds since 1970
	Ends    int64           `json:"ends,omitempty"` // 0: with the session
}

var errLogin = errors.New("the session has no login of this provider")

// ParseLogin reads what Append has written for the same provider and client.
func (c *Config) ParseLogin(data []byte) (*Login, error) {
	if len(data) == 0 {
		return nil, errLogin
	}
	l := &Login{}
	if err := json.Unmarshal(data, l); err != nil || l.Issuer != c.Issuer || l.Client != c.ClientID || l.Subject == "" {
		return nil, errLogin
	}
	return l, nil
}

// Bytes returns the login as bytes.
func (l *Login) Bytes() ([]byte, error) {
	b, err := json.Marshal(l)
	if err == nil && len(b) > MaxLogin {
		return nil, errors.New("the tokens and claims are too long for a session: ask for fewer scopes, or for fewer claims at the provider")
	}
	return b, err
}

// HasEnded reports whether the login is over at a time.
func (l *Login) HasEnded(now time.Time) bool { return l.Ends != 0 && now.Unix() >= l.Ends }

// maxEarly is how long before the end of its tokens a login is refreshed, a fifth of their life at most.
const maxEarly = time.Minute

// IsDue reports whether the tokens are to be refreshed.
func (l *Login) IsDue(now time.Time) bool {
	if l.Refresh == "" || l.Ends == 0 {
		return false
	}
	early := min(maxEarly, time.Duration(l.Ends-l.Got)*time.Second/5)
	return !now.Before(time.Unix(l.Ends, 0).Add(-early))
}
