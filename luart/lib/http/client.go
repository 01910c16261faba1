package http

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/resilience"
)

// MaxTLSSettings is how many different TLS settings the clients of a script may have:
// each keeps connections of its own.
const MaxTLSSettings = 64

// clients are the connections of a generation: one pool for each TLS setting. They
// are the holder's.
type clients struct {
	*state
	grants  lib.Grants
	pools   map[tlsSetting]*outbound.Client
	retired bool
}

// tlsSetting is how a client makes its connections secure.
type tlsSetting struct {
	ca, cert, key string // PEM
	insecure      bool
}

// client is what rover.http.create returns: defaults for its requests.
type client struct {
	clients   *clients
	outbound  *outbound.Client
	base      string // without a slash at its end; empty: none
	header    http.Header
	timeout   time.Duration // 0: none of its own
	redirects int
	maxBody   int64 // 0: the default
	retry     *resilience.Policy
	breaker   *resilience.Settings
}

func newClients(s *lib.Scope) *clients {
	return &clients{state: s.State.(*state), grants: s.Grants, pools: map[tlsSetting]*outbound.Client{}}
}

// closeIdle closes what is kept for later requests, and has connections in use closed
// when their requests have ended. Only the holder may call it.
func (h *clients) closeIdle() {
	h.retired = true
	for _, p := range h.pools {
		p.Close()
	}
}

// plain returns the client behind rover.http itself. It raises where net is not granted.
// Only the holder may call it.
func (h *clients) plain(L *lua.LState) *client {
	h.checkGranted(L)
	p, err := h.pool(tlsSetting{})
	if err != nil { // there is nothing in it to be wrong
		L.RaiseError("%s", err)
	}
	return &client{clients: h, outbound: p, redirects: DefaultRedirects}
}

func (h *clients) checkGranted(L *lua.LState) {
	if h.grants.Net == nil {
		L.RaiseError("rover.http needs `allow net` in the rover block of the Caddyfile")
	}
}

// create is rover.http.create{options}:
//
//	base_url   what every URL begins with; the client's functions then take what comes
//	           behind it, and never another host. baseURL is the same
//	headers, timeout, timeout_ms, redirects, max_body   as for one request, which may say
//	           otherwise
//	ca         PEM: the certificate authorities to trust instead of the system's
//	cert, key  PEM: the client's own certificate
//	insecure   true: trust whoever answers
//	retry, breaker   as for one request; false there is none
//
// Clients with the same TLS options share connections.
func (h *clients) create(L *lua.LState) int {
	h.checkGranted(L)
	c := &client{clients: h, redirects: DefaultRedirects}
	var s tlsSetting
	text := func(key string, v lua.LValue) string {
		t, ok := v.(lua.LString)
		if !ok {
			luaval.ArgError(L, 1, "option "+key+": string expected, got "+luaval.TypeName(v))
		}
		return string(t)
	}
	var limit timeLimit
	given := luaval.OptTable(L, 1)
	if given == nil {
		given = L.NewTable()
	}
	ofClient.Each(L, given, 1, func(key string, v lua.LValue) {
		switch key {
		case "base_url", "baseURL":
			if c.base != "" {
				luaval.ArgError(L, 1, "options base_url and baseURL: one of the two expected, got both")
			}
			c.base = checkBaseURL(L, key, text(key, v))
		case "headers":
			c.header = readHeaders(L, 1, v)
		case "timeout", "timeout_ms":
			c.timeout = limit.read(L, 1, key, v)
		case "redirects":
			c.redirects = int(readCount(L, 1, key, v, 0, MaxRedirects))
		case "max_body":
			c.maxBody = readCount(L, 1, key, v, 1, LargestBodyLimit)
		case "retry", "breaker":
			readFailing(L, 1, key, v, &c.retry, &c.breaker)
		case "ca":
			s.ca = text(key, v)
		case "cert":
			s.cert = text(key, v)
		case "key":
			s.key = text(key, v)
		case "insecure":
			b, ok := v.(lua.LBool)
			if !ok {
				luaval.ArgError(L, 1, "option insecure: boolean expected, got "+luaval.TypeName(v))
			}
			s.insecure = bool(b)
		}
	})
	var err error
	if c.outbound, err = h.pool(s); err != nil {
		luaval.ArgError(L, 1, err.Error())
	}
	L.Push(luaval.NewObject(h.client, c))
	return 1
}

func checkBaseURL(L *lua.LState, option, text string) string {
	u, err := parseURL(text)
	if err != nil {
		luaval.ArgError(L, 1, "option "+option+": "+err.Error())
	}
	if strings.ContainsAny(text, "?#") {
		luaval.ArgError(L, 1, "option "+option+": a query or a fragment cannot stand before the path of a request")
	}
	return strings.TrimRight(u.String(), "/")
}

// pool returns the connections with a TLS setting. Only the holder may call it.
func (h *clients) pool(s tlsSetting) (*outbound.Client, error) {
	if p := h.pools[s]; p != nil {
		return p, nil
	}
	if len(h.pools) >= MaxTLSSettings {
		return nil, errors.New("the script has 64 clients with different TLS options, the limit: create them once, while it loads")
	}
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	p := outbound.NewClient(outbound.Options{
		Policy: h.grants.Net, TLS: config, Counters: &h.counters, Context: h.vm.Context(),
		FakeNetwork: h.grants.FakeNetwork, WithTimeout: h.vm.Clock().WithTimeout, Guard: h.guard,
	})
	if h.retired {
		p.Close()
	}
	h.pools[s] = p
	return p, nil
}

func (s tlsSetting) config() (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: s.insecure}
	if s.ca != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(s.ca)) {
			return nil, errors.New("option ca: no certificate in PEM form in it")
		}
	}
	if s.cert == "" && s.key == "" {
		return c, nil
	}
	if s.cert == "" || s.key == "" {
		return nil, errors.New("options cert and key: one does not go without the other")
	}
	pair, err := tls.X509KeyPair([]byte(s.cert), []byte(s.key))
	if err != nil {
		return nil, errors.New("options cert and key: " + strings.TrimPrefix(err.Error(), "tls: "))
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}
