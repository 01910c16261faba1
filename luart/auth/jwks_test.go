package auth

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func unmarshal(text string, to any) error { return json.Unmarshal([]byte(text), to) }

// jwk is a public key as its server writes it.
func jwk(p pair, kid, alg, use string) string {
	block, _ := pem.Decode([]byte(p.public))
	k := jose.JSONWebKey{Key: must(x509.ParsePKIXPublicKey(block.Bytes)), KeyID: kid, Algorithm: alg, Use: use}
	return string(must(k.MarshalJSON()))
}

// longRSA is a public RSA key of so many bits. Nobody has made it of primes, which nobody sees.
func longRSA(bits int) string {
	n := make([]byte, bits/8)
	n[0], n[len(n)-1] = 0x80, 1
	return fmt.Sprintf(`{"kty":"RSA","kid":"a","e":"AQAB","n":%q}`, encoding.EncodeToString(n))
}

func document(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// service is a login service whose answer a test changes, and the clock.
type service struct {
	t      *testing.T
	jwks   *JWKS
	mu     sync.Mutex
	answer string // "": it fails
	now    time.Time
	asked  atomic.Int32
	warned chan struct{}
	hold   chan struct{} // nil: it answers at once
}

func newService(t *testing.T, answer string) *service {
	s := &service{t: t, answer: answer, now: now, warned: make(chan struct{}, 100)}
	s.jwks = NewJWKS(func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	})
	return s
}

func (s *service) set(answer string, later time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.now = answer, s.now.Add(later)
}

func (s *service) fetcher() Fetcher {
	return Fetcher{
		Go:   func(do func()) { go do() },
		Warn: func(error) { s.warned <- struct{}{} },
		Get: func() ([]byte, error) {
			s.asked.Add(1)
			if s.hold != nil {
				<-s.hold
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.answer == "" {
				return nil, errors.New("down")
			}
			return []byte(s.answer), nil
		},
	}
}

// check checks a token as a library does.
func (s *service) check(token string) error {
	t, err := Read(token)
	if err != nil {
		return err
	}
	if wait := s.jwks.Wants(t.kid, t.hasKid, s.fetcher()); wait != nil {
		<-wait
	}
	rules := DefaultRules()
	return t.Check(s.jwks, &rules, now)
}

func (s *service) expect(about, token, want string, asked int32) {
	s.t.Helper()
	err := s.check(token)
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		s.t.Errorf("%s: got %v, want %q", about, err, want)
	}
	if n := s.asked.Load(); n != asked {
		s.t.Errorf("%s: asked %d times, want %d", about, n, asked)
	}
}

func signed(t *testing.T, p pair, kid string) string {
	token, err := Sign([]byte(good), key(t, p.private), kid, "")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Keys are asked for once, and again for a name that they do not have: once a minute, whatever
// clients make up.
func TestJWKSUnknownKid(t *testing.T) {
	a, b := signed(t, rsaPair(), "a"), signed(t, p256Pair(), "b")
	first := document(jwk(rsaPair(), "a", "", "sig"))
	s := newService(t, first)
	s.expect("the first token", a, "", 1)
	s.expect("another", a, "", 1)
	s.expect("an unknown kid, at once", b, "kid names no key", 1)
	s.set(first, JWKSEvery)
	s.expect("an unknown kid", b, "kid names no key", 2)
	for i := range 1000 {
		if err := s.check(forge(fmt.Sprintf(`{"alg":"RS256","kid":"%d"}`, i), good, "x")); err != errUnknownKey {
			t.Fatal(err)
		}
	}
	s.expect("a flood of them", b, "kid names no key", 2)
	s.set(document(jwk(rsaPair(), "a", "", "sig"), jwk(p256Pair(), "b", "ES256", "")), JWKSEvery)
	s.expect("the new key", b, "", 3)
	s.expect("the old key", a, "", 3)
	s.expect("of another key", signed(t, otherPair(), "a"), "signature", 3)
	s.expect("no kid", signed(t, rsaPair(), ""), "", 3)
}

// Old keys are used while new ones are asked for, and while the service is down.
func TestJWKSLastGood(t *testing.T) {
	a := signed(t, rsaPair(), "a")
	s := newService(t, "")
	s.expect("down from the begin", a, "not available", 1)
	<-s.warned
	if err := s.check(a); !errors.Is(err, ErrUnavailable) || s.asked.Load() != 1 {
		t.Errorf("it is asked again at once: %v", err)
	}
	s.set(document(jwk(rsaPair(), "a", "", "")), JWKSFirst)
	s.expect("it has come back", a, "", 2)
	for _, answer := range []string{"", "no JSON", `{"keys":[]}`, document(`{"kty":"oct","kid":"a","k":"eA"}`)} {
		s.set(answer, jwksFresh)
		before := s.asked.Load()
		if err := s.check(a); err != nil { // it does not wait
			t.Errorf("%s: %v", answer, err)
		}
		<-s.warned
		if err := s.check(a); err != nil || s.asked.Load() != before+1 {
			t.Errorf("%s: %v, asked %d times", answer, err, s.asked.Load()-before)
		}
	}
	s.set(document(jwk(p256Pair(), "b", "", "")), jwksFresh)
	s.expect("a kid that is not there", signed(t, p256Pair(), "b"), "", s.asked.Load()+1)
	s.expect("a key that was called back", a, "kid names no key", s.asked.Load())
}

// Many wait, one asks.
func TestJWKSOneFlight(t *testing.T) {
	s := newService(t, document(jwk(rsaPair(), "a", "", "")))
	s.hold = make(chan struct{})
	a := signed(t, rsaPair(), "a")
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if err := s.check(a); err != nil {
				t.Error(err)
			}
		})
	}
	close(s.hold)
	group.Wait()
	if n := s.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// While a service is slow, a flood of made-up kids does not pile up before it, and good tokens go on.
func TestJWKSFloodWhileSlow(t *testing.T) {
	s := newService(t, document(jwk(rsaPair(), "a", "", "")))
	good := signed(t, rsaPair(), "a")
	s.expect("the first token", good, "", 1)
	s.hold = make(chan struct{})
	s.set(document(jwk(rsaPair(), "a", "", "")), JWKSEvery)
	var waits []<-chan struct{}
	for i := range 10 * maxUnknown {
		if wait := s.jwks.Wants(fmt.Sprint(i), true, s.fetcher()); wait != nil {
			waits = append(waits, wait)
		}
	}
	if len(waits) != maxUnknown {
		t.Errorf("%d wait, want %d", len(waits), maxUnknown)
	}
	if err := s.check(good); err != nil {
		t.Errorf("a good token meanwhile: %v", err)
	}
	close(s.hold)
	for _, wait := range waits {
		<-wait
	}
	s.set(document(jwk(rsaPair(), "a", "", "")), JWKSEvery)
	s.expect("an unknown one afterwards", forge(`{"alg":"RS256","kid":"z"}`, `{}`, "x"), "kid names no key", 3)
}

// What a service publishes beside its keys for signatures is no key for tokens.
func TestJWKSForeignKeys(t *testing.T) {
	for about, row := range map[string]struct{ key, want string }{
		"for encryption":         {jwk(rsaPair(), "a", "", "enc"), ""},
		"a secret":               {`{"kty":"oct","kid":"a","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}`, ""},
		"of another alg":         {jwk(rsaPair(), "a", "RSA-OAEP", ""), ""},
		"HS256 for RSA":          {jwk(rsaPair(), "a", "HS256", ""), ""},
		"not on the curve":       {`{"kty":"EC","crv":"P-256","kid":"a","x":"AQ","y":"AQ"}`, ""},
		"a kind that is unknown": {`{"kty":"LMS","kid":"a"}`, ""},
		"no object":              {`7`, ""},
		"RSA of 1024 bits":       {longRSA(1024), ""},
		"RSA that takes seconds": {longRSA(16384), ""},
		"PS256":                  {jwk(rsaPair(), "a", "PS256", "sig"), "PS256"},
		"RSA":                    {jwk(rsaPair(), "a", "", ""), "RS256"},
		"Ed25519":                {jwk(edPair(), "a", "", ""), "EdDSA"},
	} {
		keys, err := parseJWKS([]byte(document(row.key, jwk(p384Pair(), "other", "", ""))))
		if err != nil {
			t.Fatal(about, err)
		}
		got := ""
		for _, n := range keys {
			if n.kid == "a" {
				got = n.key.Algs(nil)[0]
			}
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", about, got, row.want)
		}
	}
	one := jwk(edPair(), "a", "", "")
	for about, text := range map[string]string{
		"keys twice":            `{"keys":[` + one + `],"keys":[` + one + `]}`,
		"keys twice, escaped":   `{"keys":[` + one + `],"\u006beys":[` + one + `]}`,
		"keys in other letters": `{"KEYS":[` + one + `]}`,
		"a member twice":        document(strings.Replace(one, `"kid":"a"`, `"kid":"b","kid":"a"`, 1)),
		"keys as an object":     `{"keys":{"a":` + one + `}}`,
		"behind it":             document(one) + document(one),
	} {
		if keys, err := parseJWKS([]byte(text)); err == nil {
			t.Errorf("%s: %d keys", about, len(keys))
		}
	}
	if _, err := parseJWKS([]byte(document(strings.Split(strings.Repeat("{} ", MaxKeys)+"{}", " ")...))); err == nil {
		t.Error("101 keys")
	}
}

// An answer that has somebody's code fail ends nothing.
func TestJWKSPanic(t *testing.T) {
	s := newService(t, "")
	f := s.fetcher()
	f.Get = func() ([]byte, error) { panic("bad") }
	<-s.jwks.Wants("a", true, f)
	if _, err := s.jwks.Candidates("a", true); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "bad") {
		t.Errorf("got %v", err)
	}
}

func FuzzParseJWKS(f *testing.F) {
	f.Add(document(jwk(p256Pair(), "a", "ES256", "sig"), jwk(edPair(), "b", "", ""), `{"kty":"oct","k":"eA"}`))
	f.Add(`{"keys":[{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := parseJWKS([]byte(text))
		for _, n := range keys {
			if n.key.IsSecret() || n.key.private != nil {
				t.Errorf("%q has a secret", text)
			}
		}
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
	})
}
