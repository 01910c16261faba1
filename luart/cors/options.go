package cors

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Options are what a policy is made of.
type Options struct {
	Origins []string // {"*"}: every one
	Asked   bool     // whoever uses the policy asks a function about each origin; Origins is empty then

	Methods, Headers, Expose []string // Methods, Headers: nil is the default
	Credentials              bool
	AnyWithCredentials       bool // Credentials is meant, also where every origin is
	MaxAge                   int  // seconds
}

// What a policy allows that says nothing else.
var (
	DefaultMethods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"}
	DefaultHeaders = []string{"Content-Type", "Authorization"}
)

// The bounds of a policy.
const (
	DefaultMaxAge = 600
	LongestAge    = 86400 // browsers keep the answer to a preflight for a day at most

	MaxOrigins = 1000
	MaxNames   = 100 // of methods, and of headers
	MaxName    = 128 // bytes of one
)

// ErrAnyWithCredentials says that every site could act as the user.
var ErrAnyWithCredentials = errors.New("every origin, with credentials: any site could read what the user can")

// An OptionError is about one option: "origin", "methods", "headers" or "expose".
type OptionError struct {
	Option string
	Err    error
}

func (e *OptionError) Error() string { return e.Option + ": " + e.Err.Error() }

func (e *OptionError) Unwrap() error { return e.Err }

// New makes a policy. The error is an *OptionError or ErrAnyWithCredentials.
func New(o Options) (*Policy, error) {
	p := &Policy{echo: o.Asked, methods: o.Methods, headers: o.Headers, expose: o.Expose, credentials: o.Credentials, maxAge: o.MaxAge}
	if !o.Asked {
		if err := p.addOrigins(o.Origins); err != nil {
			return nil, &OptionError{"origin", err}
		}
	}
	if p.any && o.Credentials {
		if !o.AnyWithCredentials {
			return nil, ErrAnyWithCredentials
		}
		p.any, p.echo = false, true // browsers take "*" for none there
	}
	if p.methods == nil {
		p.methods = DefaultMethods
	}
	if p.headers == nil {
		p.headers = DefaultHeaders
	}
	for _, names := range []struct {
		option string
		list   []string
	}{{"methods", p.methods}, {"headers", p.headers}, {"expose", p.expose}} {
		if err := checkNames(names.option, names.list, o.Credentials); err != nil {
			return nil, &OptionError{names.option, err}
		}
	}
	return p.finish(), nil
}

func (p *Policy) addOrigins(list []string) error {
	if slices.Equal(list, anyOrigin) {
		p.any = true
		return nil
	}
	switch {
	case len(list) == 0:
		return errors.New("an origin expected")
	case slices.Contains(list, "*"):
		return errors.New(`"*" is every origin, and stands alone`)
	case len(list) > MaxOrigins:
		return fmt.Errorf("at most %d origins", MaxOrigins)
	}
	p.origins = make(map[string]bool, len(list))
	for _, text := range list {
		origin, err := ParseOrigin(text)
		if err != nil {
			return err
		}
		p.origins[origin] = true
	}
	return nil
}

// checkNames says what is wrong with a list of methods or headers.
func checkNames(option string, list []string, credentials bool) error {
	if len(list) > MaxNames {
		return fmt.Errorf("at most %d names", MaxNames)
	}
	for _, name := range list {
		switch {
		case name == "*" && credentials:
			return errors.New(`with credentials "*" means nothing to browsers: name them`)
		case name == "*" && len(list) > 1:
			return errors.New(`"*" is every one, and stands alone`)
		case !isToken(name) || len(name) > MaxName:
			return fmt.Errorf("%q is no name", shortened(name))
		case option == "methods" && name != strings.ToUpper(name):
			return fmt.Errorf("browsers tell %s from %s: methods are written in capitals", name, strings.ToUpper(name))
		}
	}
	return nil
}

// isToken reports whether a text can be the name of a method or a header.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
