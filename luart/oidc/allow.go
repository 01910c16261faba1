package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Allow says who is let in: each rule that is there must hold.
type Allow struct {
	Groups      []string // one of them must be in the claim
	GroupsClaim string   // "groups"
	Emails      []string // in small letters; one of these, or one of the domains
	Domains     []string // what is behind the @ of a verified address
	HD          []string // the claim hd, a Google Workspace
	Subjects    []string
}

// IsEmpty reports whether it has no rule: everybody is let in.
func (a *Allow) IsEmpty() bool {
	return len(a.Groups)+len(a.Emails)+len(a.Domains)+len(a.HD)+len(a.Subjects) == 0
}

// Claims are those of a user, with their names in one spelling.
type Claims map[string]any

// ParseClaims reads the claims that a Login has.
func ParseClaims(raw json.RawMessage) (Claims, error) {
	var c Claims
	if err := json.Unmarshal(raw, &c); err != nil || c == nil {
		return nil, errors.New("the session's claims are no JSON object")
	}
	return c, nil
}

// Get returns a claim by its name, or by the names that lead to it: realm_access.roles.
func (c Claims) Get(name string) any {
	if v, ok := c[name]; ok {
		return v
	}
	var v any = map[string]any(c)
	for step := range strings.SplitSeq(name, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[step]
	}
	return v
}

// Check says why a user is not let in. A claim that is missing, or is nothing that it should be, lets
// nobody in.
func (a *Allow) Check(c Claims) error {
	if len(a.Subjects) > 0 {
		if sub, _ := c["sub"].(string); sub == "" || !slices.Contains(a.Subjects, sub) {
			return errors.New("the user is none of allow.subjects")
		}
	}
	if len(a.Groups) > 0 && !slices.ContainsFunc(list(c.Get(a.GroupsClaim)), func(g string) bool { return slices.Contains(a.Groups, g) }) {
		return fmt.Errorf("the claim %.40q has none of allow.groups", a.GroupsClaim)
	}
	if len(a.HD) > 0 {
		if hd, _ := c["hd"].(string); hd == "" || !slices.Contains(a.HD, strings.ToLower(hd)) {
			return errors.New("the user is of none of allow.hd")
		}
	}
	if len(a.Emails) > 0 || len(a.Domains) > 0 {
		return a.checkEmail(c)
	}
	return nil
}

func (a *Allow) checkEmail(c Claims) error {
	if v := c["email_verified"]; v != true && v != "true" { // Amazon Cognito has a text
		return errors.New("the provider has not verified the email address")
	}
	email, _ := c["email"].(string)
	if !IsAddress(email) {
		return errors.New("the email address is none, or can be read in two ways")
	}
	email = asciiLower(email)
	_, domain, _ := strings.Cut(email, "@")
	if !slices.Contains(a.Emails, email) && !slices.Contains(a.Domains, domain) {
		return errors.New("the email address is none of allow.emails and of none of allow.domains")
	}
	return nil
}

// IsAddress reports whether text is an email address that everybody reads in the same way: it has one @,
// and neither quotes nor comments nor blanks. RFC 5322 lets quoted local parts have an @, and programs
// disagree on where the domain of such an address begins.
func IsAddress(text string) bool {
	local, domain, ok := strings.Cut(text, "@")
	return ok && local != "" && domain != "" && !strings.Contains(domain, "@") &&
		!strings.ContainsFunc(text, func(r rune) bool {
			return r == ' ' || r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune("\"\\(),:;<>[]", r)
		})
}

// asciiLower has A to Z in small letters, and changes nothing else: K, the sign for kelvin, is no k.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// list is a text, or those of a list; nil for anything else.
func list(v any) (texts []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			text, ok := one.(string)
			if !ok {
				return nil
			}
			texts = append(texts, text)
		}
	}
	return texts
}
