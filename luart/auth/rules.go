package auth

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	// DefaultLeeway is how far the clocks of two machines may differ, MaxLeeway what a script may say.
	DefaultLeeway = 30 * time.Second
	MaxLeeway     = 300 * time.Second
)

// Rules are what a script wants of tokens, beside a good signature.
type Rules struct {
	Algs      []string // accepted; none: that of the key
	Issuers   []string // none: any
	Audiences []string // none: only tokens that name nobody
	Leeway    time.Duration
	Require   []string // claims that must be there
}

// DefaultRules are those of a script that says nothing: a token without an end is refused.
func DefaultRules() Rules { return Rules{Leeway: DefaultLeeway, Require: []string{"exp"}} }

// check says what is wrong with the claims of a token at a time.
func (r *Rules) check(claims []member, now time.Time) error {
	audience, issuer := false, false
	for _, m := range claims {
		switch string(m.name) {
		case "exp", "nbf", "iat":
			at, err := date(m)
			if err != nil {
				return err
			}
			seconds := float64(now.UnixNano()) / 1e9
			switch {
			case string(m.name) == "exp" && seconds >= at+r.Leeway.Seconds():
				return errors.New("the token has expired")
			case string(m.name) == "nbf" && seconds < at-r.Leeway.Seconds():
				return errors.New("the token is not valid yet")
			}
		case "sub", "jti":
			if _, err := inner(m.value); err != nil {
				return fmt.Errorf("the claim %s is no text", m.name)
			}
		case "iss":
			name, err := inner(m.value)
			if err != nil {
				return errors.New("the claim iss is no text")
			}
			if issuer = true; len(r.Issuers) > 0 && !contains(r.Issuers, name) {
				return errors.New("the token is of another issuer")
			}
		case "aud":
			known := false
			err := eachText(m.value, func(name []byte) { known = known || contains(r.Audiences, name) })
			if err != nil {
				return errors.New("the claim aud: " + err.Error())
			}
			audience = true
			if len(r.Audiences) == 0 { // RFC 7519 section 4.1.3
				return errors.New("the token is for an audience, and the script names none")
			}
			if !known {
				return errors.New("the token is for another audience")
			}
		}
	}
	switch {
	case len(r.Issuers) > 0 && !issuer:
		return errors.New("the token names no issuer")
	case len(r.Audiences) > 0 && !audience:
		return errors.New("the token names no audience")
	}
	for _, name := range r.Require {
		if value := find(claims, name); value == nil || string(value) == `""` {
			return fmt.Errorf("the token has no claim %.40q", name) // an empty one says nothing
		}
	}
	return nil
}

// date is a NumericDate: seconds since 1970, maybe with a fraction.
func date(m member) (float64, error) {
	if c := m.value[0]; c == '-' || c >= '0' && c <= '9' {
		if n, err := strconv.ParseFloat(string(m.value), 64); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("the claim %s is no time", m.name)
}

// contains reports whether a name is in a list.
func contains(list []string, name []byte) bool {
	for _, one := range list {
		if one == string(name) {
			return true
		}
	}
	return false
}

// eachText calls do for the one text that a value is, or for each of a list of texts.
func eachText(value []byte, do func(text []byte)) error {
	switch value[0] {
	case '"':
		one, err := inner(value)
		if err != nil {
			return err
		}
		do(one)
		return nil
	case '[':
		s := scanner{text: value, at: 1}
		for s.next() != ']' {
			one, err := s.name()
			if err != nil {
				return errors.New("an item is no text")
			}
			do(one)
			if s.next() == ',' { // it is JSON
				s.at++
			}
		}
		return nil
	}
	return errors.New("neither a text nor a list of texts")
}
