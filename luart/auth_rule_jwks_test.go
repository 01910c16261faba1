package luart

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/auth"
)

// slowLogin publishes a key once it is let go.
type slowLogin struct {
	*httptest.Server
	asked atomic.Int32
	first chan struct{} // closed when it is asked
	goOn  chan struct{}
	key   ed25519.PrivateKey
}

func newSlowLogin(t testing.TB) *slowLogin {
	l := &slowLogin{first: make(chan struct{}), goOn: make(chan struct{}), key: ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", 32)))}
	x := base64.RawURLEncoding.EncodeToString(l.key.Public().(ed25519.PublicKey))
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.asked.Add(1) == 1 {
			close(l.first)
		}
		<-l.goOn
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}}})
	}))
	t.Cleanup(l.Close)
	return l
}

// token is one of the login, with a name of its key.
func (l *slowLogin) token(kid string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64(fmt.Appendf(nil, `{"alg":"EdDSA","kid":%q}`, kid)) + "." + b64([]byte(`{"sub":"ann",`+far+`}`))
	return "Authorization: Bearer " + text + "." + b64(ed25519.Sign(l.key, []byte(text)))
}

func (l *slowLogin) script() string {
	return fmt.Sprintf(`
		local api = rover.server {}
		api.private.auth { jwt = rover.auth.jwks("%s/jwks") }
		function api.private.get(ctx) return ctx:get("auth").sub end
		function api.free.get() return "served" end
		return api`, l.URL)
}

// A reload while requests wait for keys ends no request, and what it has got counts for the new script.
func TestAuthRuleReloadWhileItWaits(t *testing.T) {
	l := newSlowLogin(t)
	net := func(s *Script) { s.Net = policyOf(t, "127.0.0.1") }
	s := newServer(t, l.script(), net)
	waits := s.inTheBackground("GET /private", l.token("k1"))
	<-l.first
	old := s.gen
	if err := s.load(l.script(), net); err != nil {
		t.Fatal(err)
	}
	old.Retire()
	later := s.inTheBackground("GET /private", l.token("k1"))
	s.expect("GET /free", "200 served")
	close(l.goOn)
	for _, c := range []chan string{waits, later} {
		if got := <-c; got != "200 ann" {
			t.Error(got)
		}
	}
	if n := l.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A client that leaves while it waits takes the keys from nobody.
func TestAuthRuleClientLeaves(t *testing.T) {
	l := newSlowLogin(t)
	s := newServer(t, l.script(), func(s *Script) { s.Net = policyOf(t, "127.0.0.1") })
	ctx, leave := context.WithCancel(t.Context())
	r := requestTo("/private").WithContext(ctx)
	r.Header.Set("Authorization", strings.TrimPrefix(l.token("k1"), "Authorization: "))
	left := make(chan error)
	go func() {
		x := s.gen.Begin(httptest.NewRecorder(), r, s, s.next)
		_, err := x.Admit(http.Header{}, nil, nil)
		if !ClientLeft(r, err) {
			err = fmt.Errorf("the client has left, and the error is %v", err)
		} else {
			err = nil
		}
		x.End()
		left <- err
	}()
	<-l.first
	waits := s.inTheBackground("GET /private", l.token("k1"))
	leave()
	if err := <-left; err != nil {
		t.Error(err)
	}
	close(l.goOn)
	if got := <-waits; got != "200 ann" {
		t.Error(got)
	}
	if n := l.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// Bad tokens without end stall nobody: others are served while the flood goes on, those with good
// tokens too, and the login is asked once a minute.
func TestAuthRuleFlood(t *testing.T) {
	l := newSlowLogin(t)
	close(l.goOn)
	s := newServer(t, l.script(), func(s *Script) { s.Net = policyOf(t, "127.0.0.1") })
	good := l.token("k1")
	s.expect("GET /private", "200 ann", good)
	forged := good[:len(good)-4] + "AAAA"
	began := time.Now()
	var sent atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	flood := make(chan string)
	for kind := range 4 {
		go func() {
			wrong := ""
			for i := 0; ctx.Err() == nil; i++ {
				bad := []string{l.token(fmt.Sprint("made up ", i)), forged, "Authorization: Bearer " + strings.Repeat("x", 9000), "Authorization: Bearer x.y.z"}[kind]
				if got := answer(s.do("GET /private", "", bad)); got != badToken {
					wrong = got
				}
				sent.Add(1)
			}
			flood <- wrong
		}()
	}
	for n := int64(0); n < 200; n++ {
		s.expectOnceWith("GET /private", "200 ann", good)
		s.expectOnceWith("GET /free", "200 served", "X: y")
	}
	for before := sent.Load(); sent.Load() < before+1000; {
		s.expectOnceWith("GET /private", "200 ann", good)
	}
	stop()
	for range 4 {
		if wrong := <-flood; wrong != "" {
			t.Errorf("a bad token: %s", wrong)
		}
	}
	if n := l.asked.Load(); n > 1+int32(time.Since(began)/auth.JWKSEvery) {
		t.Errorf("asked %d times", n)
	}
	c := s.vm.RuleCounts()[RuleID{"auth", "/private"}]
	if got := c.Denied.Load(); got != uint64(sent.Load()) {
		t.Errorf("%d denied, %d sent", got, sent.Load())
	}
}

// Requests with unknown kids wait for one answer, and others are served meanwhile.
func TestAuthRuleFloodWhileItWaits(t *testing.T) {
	l := newSlowLogin(t)
	s := newServer(t, l.script(), func(s *Script) { s.Net = policyOf(t, "127.0.0.1") })
	const n = 300
	waiting := make([]chan string, n)
	for i := range n {
		waiting[i] = s.inTheBackground("GET /private", l.token(fmt.Sprint("made up ", i)))
	}
	good := s.inTheBackground("GET /private", l.token("k1"))
	<-l.first
	for range 50 {
		s.expect("GET /free", "200 served")
		s.expect("GET /private", withoutToken)
	}
	close(l.goOn)
	for _, c := range waiting {
		if got := <-c; got != badToken {
			t.Error(got)
		}
	}
	if got := <-good; got != "200 ann" {
		t.Error(got)
	}
	if n := l.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// inTheBackground sends a request, and gives its answer when there is one.
func (s *server) inTheBackground(request, header string) chan string {
	got := make(chan string, 1)
	go func() { got <- answer(s.do(request, "", header)) }()
	return got
}

// TestAuthRuleKeysOutOfReach shows that a script does not load whose keys, or provider, "allow net" does
// not let it ask: nobody could get in.
func TestAuthRuleKeysOutOfReach(t *testing.T) {
	for line, want := range map[string]string{
		`api.auth { jwt = rover.auth.jwks("https://login.example/keys") }`:                                                                           "app.lua:2: bad argument #1 to jwks (forbidden: login.example:443 is not in the rules of allow net",
		`rover.auth.oidc { issuer = "https://login.example", client_id = "x", client_secret = ("s"):rep(32), redirect_uri = "https://b.example/x" }`: "option 'issuer': forbidden: login.example:443 is not",
		`api.auth { jwt = rover.auth.jwks("https://a.example/keys") }`:                                                                               "",
	} {
		s := &server{t: t, vm: newVM(t, VMOptions{})}
		t.Cleanup(func() { s.vm.Close(t.Context()) })
		err := s.load("local api = rover.server {}\n"+line+"\nreturn api", func(script *Script) { script.Net = policyOf(t, "a.example") })
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", line, err, want)
		}
	}
}
