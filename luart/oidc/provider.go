package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/caddy-rover/rover/luart/auth"
)

const (
	// documentFresh is how long what a provider says of itself is used without asking again.
	documentFresh = time.Hour

	// A provider that does not answer is asked again after firstRetry, then after twice as long, up
	// to maxRetry.
	firstRetry = time.Second
	maxRetry   = time.Minute

	// AskTimeout ends a question to a provider.
	AskTimeout = 10 * time.Second

	// MaxAnswer bounds what a provider answers.
	MaxAnswer = 512 << 10
)

// ErrUnavailable says that the provider cannot be asked now: it is not the user who has done wrong.
var ErrUnavailable = errors.New("the provider does not answer")

// Document is what a provider says of itself.
type Document struct {
	provider   *oidc.Provider
	style      oauth2.AuthStyle
	keysURL    string
	EndSession string // "": it has no logout
	hasIss     bool   // its answers name it, RFC 9207
}

// Provider is a provider, by its issuer: its document and its keys, which outlive a reload. The document
// is got by the first login, and again when it has become old. One asks, all wait. While the provider
// does not answer, the last one goes on.
type Provider struct {
	issuer string
	now    func() time.Time
	keys   *auth.JWKS

	mu     sync.Mutex
	doc    *Document
	got    time.Time     // when the document came
	next   time.Time     // it is not asked for before
	retry  time.Duration // after the next failure
	flight chan struct{} // closed when who asks has an answer; nil: nobody does
	failed error
}

// NewProvider returns a provider that nobody has asked yet.
func NewProvider(issuer string, now func() time.Time) *Provider {
	return &Provider{issuer: issuer, now: now, keys: auth.NewJWKS(now), retry: firstRetry}
}

// Asker is how providers are asked.
type Asker struct {
	Client  *http.Client
	Context context.Context
	Go      func(do func()) // calls do on a goroutine of its own
	Warn    func(text string, err error)
}

// Wants has the document asked for if that is due. It returns what to wait for; nil: nothing, and
// Document says whether there is one.
func (p *Provider) Wants(a Asker) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.flight == nil {
		if now.Before(p.next) || p.doc != nil && now.Sub(p.got) < documentFresh {
			return nil
		}
		p.flight = make(chan struct{})
		a.Go(func() { p.fly(a) })
	}
	if p.doc != nil {
		return nil
	}
	return p.flight
}

func (p *Provider) fly(a Asker) {
	doc, err := discover(a, p.issuer)
	p.mu.Lock()
	if p.failed = err; err == nil {
		p.doc, p.got, p.retry, p.next = doc, p.now(), firstRetry, time.Time{}
	} else {
		p.next = p.now().Add(p.retry)
		p.retry = min(2*p.retry, maxRetry)
	}
	close(p.flight)
	p.flight = nil
	p.mu.Unlock()
	if err != nil && a.Context.Err() == nil {
		a.Warn("the provider's document cannot be read: the last one goes on, if there is one", err)
	}
}

// Document returns the last one, or ErrUnavailable.
func (p *Provider) Document() (*Document, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doc == nil {
		if p.failed != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, p.failed)
		}
		return nil, ErrUnavailable
	}
	return p.doc, nil
}

// discover never panics: it runs where nobody would recover, on what somebody else has written.
func discover(a Asker, issuer string) (d *Document, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading the document: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(a.Context, AskTimeout)
	defer cancel()
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, a.Client), issuer)
	if err != nil {
		return nil, short(err)
	}
	var more struct {
		Keys       string   `json:"jwks_uri"`
		EndSession string   `json:"end_session_endpoint"`
		HasIss     bool     `json:"authorization_response_iss_parameter_supported"`
		Auth       []string `json:"token_endpoint_auth_methods_supported"`
		Challenges []string `json:"code_challenge_methods_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, errors.New("the document is no JSON that it should be")
	}
	if len(more.Challenges) > 0 && !slices.Contains(more.Challenges, "S256") {
		return nil, errors.New("the provider says that it has no PKCE with S256")
	}
	d = &Document{provider: provider, keysURL: more.Keys, EndSession: more.EndSession, hasIss: more.HasIss, style: oauth2.AuthStyleInHeader}
	if len(more.Auth) > 0 && !slices.Contains(more.Auth, "client_secret_basic") {
		d.style = oauth2.AuthStyleInParams
	}
	endpoint := provider.Endpoint()
	for name, address := range map[string]string{
		"authorization_endpoint": endpoint.AuthURL, "token_endpoint": endpoint.TokenURL, "jwks_uri": more.Keys,
		"userinfo_endpoint": provider.UserInfoEndpoint(), "end_session_endpoint": more.EndSession,
	} {
		if address == "" && (name == "userinfo_endpoint" || name == "end_session_endpoint") {
			continue
		}
		if u, err := ParseURL(address); err != nil || u.Scheme == "http" && !strings.HasPrefix(issuer, "http:") {
			return nil, fmt.Errorf("the document's %s is no https:// URL", name)
		}
	}
	return d, nil
}

// short is an error without the body of an answer, which may be long and have anything in it.
func short(err error) error {
	if text := err.Error(); len(text) > 300 {
		return fmt.Errorf("%.300q…", text)
	}
	return err
}

// keySet checks signatures of tokens by the provider's keys. The algorithm is that of a key, and a
// token that can be read in two ways is refused.
type keySet struct {
	keys   *auth.JWKS
	asker  Asker
	url    string
	rules  auth.Rules
	now    time.Time
	claims map[string]json.RawMessage // of the last token that was good
	err    error                      // why the last one was not
}

// reason is why the last token was not good.
func (k *keySet) reason() error {
	if errors.Is(k.err, auth.ErrUnavailable) {
		return fmt.Errorf("%w: %w", ErrUnavailable, k.err)
	}
	return fmt.Errorf("the ID token: %w", k.err)
}

// VerifySignature is for package oidc. It checks the claims, too.
func (k *keySet) VerifySignature(ctx context.Context, text string) (claims []byte, err error) {
	defer func() { k.err = err }()
	token, err := auth.Read(text)
	if err != nil {
		return nil, err
	}
	kid, has := token.Kid()
	var fly func()
	wait := k.keys.Wants(kid, has, auth.Fetcher{
		Get: func() ([]byte, error) { return k.get(ctx) },
		Go:  func(do func()) { fly = do }, // here: this is no goroutine that anybody waits for
		Warn: func(err error) {
			k.asker.Warn("the provider's keys cannot be read: the last ones go on, if there are any", err)
		},
	})
	if fly != nil {
		fly()
	}
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
	if err := token.Check(k.keys, &k.rules, k.now); err != nil {
		return nil, err
	}
	k.claims = map[string]json.RawMessage{}
	return token.Claims, json.Unmarshal(token.Claims, &k.claims)
}

func (k *keySet) get(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), AskTimeout) // others wait for it
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := k.asker.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server of the keys answers %d", resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}
