package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/idna"

	"github.com/caddy-rover/rover/internal/upstream/lean"
	"github.com/caddy-rover/rover/luart/resilience"
)

const (
	// connectTimeout ends an attempt to connect that nobody has set a shorter time for:
	// Linux alone would go on for two minutes.
	connectTimeout = 30 * time.Second

	// handshakeTimeout is http.DefaultTransport's.
	handshakeTimeout = 10 * time.Second

	// maxIdlePerHost connections are kept to one host: as many as its requests of a busy
	// moment. http.DefaultTransport's 2 would close and open one for nearly each.
	maxIdlePerHost = 64
	maxIdle        = 512
	idleTimeout    = 90 * time.Second

	// A response head past 1 MiB is no response.
	maxHeadBytes = 1 << 20

	// pingAfter is when an HTTP/2 connection on which nothing arrives is asked whether
	// it still lives; without that a dead one would hang all its requests.
	pingAfter = 15 * time.Second
)

// Options say how a client works.
type Options struct {
	Policy   *Policy         // where it may connect to; nil: anywhere
	TLS      *tls.Config     // nil: the system's certificate authorities
	Counters *Counters       // shared with other clients; nil: its own
	Context  context.Context // ends requests and closes connections; nil: nothing does

	// FakeNetwork takes the place of the network: it answers requests that the policy allows,
	// by the host in the URL, at once and whole. nil: the network answers.
	FakeNetwork http.RoundTripper

	// WithTimeout is context.WithTimeoutCause by another clock. nil: by the system's.
	WithTimeout func(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc)

	// Guard knows which hosts have failed, for requests that say what to do then; shared with other
	// clients. nil: its own.
	Guard *resilience.Guard
}

// Client sends requests over pooled connections, by HTTP/1.1 or HTTP/2. Any goroutine
// may call its methods.
type Client struct {
	policy      *Policy
	tls         *tls.Config
	counters    *Counters
	ctx         context.Context
	transport   *lean.Transport   // and what it does not know by the http.Transport below
	fakeNetwork http.RoundTripper // nil: there is none
	within      func(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc)
	resolver    *net.Resolver // nil: the system's; tests have their own
	closed      atomic.Bool
	guard       *resilience.Guard
}

// NewClient returns a client. It keeps connections until Close. Any goroutine may call
// it.
func NewClient(o Options) *Client {
	c := &Client{policy: o.Policy, tls: &tls.Config{}, counters: o.Counters, ctx: o.Context, fakeNetwork: o.FakeNetwork, within: o.WithTimeout, guard: o.Guard}
	if c.guard == nil {
		c.guard = resilience.NewGuard(nil, "outbound", zap.NewNop())
	}
	if c.within == nil {
		c.within = context.WithTimeoutCause
	}
	if o.TLS != nil {
		c.tls = o.TLS.Clone()
	}
	if c.counters == nil {
		c.counters = &Counters{}
	}
	if c.ctx == nil {
		c.ctx = context.Background()
	}
	c.tls.NextProtos = []string{"h2", "http/1.1"}
	if c.tls.ClientSessionCache == nil {
		c.tls.ClientSessionCache = tls.NewLRUClientSessionCache(maxIdlePerHost)
	}
	c.transport = lean.New(&http.Transport{
		DialContext:            c.Dial,
		DialTLSContext:         c.dialTLS,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingAfter},
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeadBytes,
		ExpectContinueTimeout:  time.Second,
	})
	return c
}

// Close closes idle connections, and from now on every other as soon as its request has
// ended. Requests are still served.
func (c *Client) Close() {
	c.closed.Store(true)
	c.transport.CloseIdleConnections()
}

// settle closes what has become idle after Close. Every response calls it at its end.
func (c *Client) settle() {
	if c.closed.Load() {
		c.transport.CloseIdleConnections()
	}
}

// RoundTrip sends one request, if the policy allows its host: the first, or one that a
// redirect asks for. It is for http.Client.
func (c *Client) RoundTrip(r *http.Request) (*http.Response, error) {
	err := c.checkURL(r.URL)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	if c.fakeNetwork != nil {
		return c.fakeNetwork.RoundTrip(r)
	}
	return c.transport.RoundTrip(r)
}

// checkURL judges the host of a URL, in the form in which it is going to be dialled.
func (c *Client) checkURL(u *url.URL) error {
	_, _, err := c.admit(hostPortOf(u))
	return err
}

// dialled returns the host and the port of a URL as they are dialled.
func dialled(u *url.URL) (host, port string) {
	host, port = u.Hostname(), u.Port()
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	return host, port
}

func (c *Client) admit(addr string) (host string, t trust, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", t, &Error{StepConnect, err}
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return "", t, &Error{StepConnect, fmt.Errorf("port %s is not a number from 1 to 65535", text)}
	}
	t, err = c.policy.admit(host, uint16(port))
	return host, t, err
}

// Dial connects to addr, host:port, if the policy allows the address it turns out to be.
func (c *Client) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, t, err := c.admit(addr)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{
		Timeout:  connectTimeout,
		Resolver: c.resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil { // net.Dialer gives nothing else
				return &Error{StepForbidden, err}
			}
			return c.policy.allows(t, host, to)
		},
	}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, dialFailure(addr, err)
	}
	return &boundConn{conn, context.AfterFunc(c.ctx, func() { _ = conn.Close() })}, nil
}

// boundConn is a connection that the end of the client's context closes: idle, or stuck
// in a write that a cancelled request waits for.
type boundConn struct {
	net.Conn
	unbind func() bool
}

func (c *boundConn) Close() error {
	c.unbind()
	return c.Conn.Close()
}

// SyscallConn implements syscall.Conn: a connection can be asked whether the server has closed it.
func (c *boundConn) SyscallConn() (syscall.RawConn, error) {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return sc.SyscallConn()
}

// dialTLS is Dial with a handshake after it. http.Transport could do that itself, but
// its errors of this step have no types.
func (c *Client) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	config := c.tls.Clone()
	config.ServerName, _, _ = net.SplitHostPort(addr) // dial has tried it
	slow := &slowError{"the TLS handshake with " + addr, handshakeTimeout}
	ctx, cancel := context.WithTimeoutCause(ctx, handshakeTimeout, slow)
	defer cancel()
	tc := tls.Client(conn, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if errors.Is(context.Cause(ctx), slow) {
			return nil, &Error{StepTimeout, slow}
		}
		return nil, &Error{StepTLS, err}
	}
	return tc, nil
}

// slowError says what took longer than it was given.
type slowError struct {
	what  string
	limit time.Duration
}

func (e *slowError) Error() string { return fmt.Sprintf("%s took longer than %v", e.what, e.limit) }

// checkRedirect returns what http.Client asks before it follows a redirect.
func checkRedirect(limit int) func(*http.Request, []*http.Request) error {
	return func(r *http.Request, via []*http.Request) error {
		if limit == 0 {
			return http.ErrUseLastResponse
		}
		if len(via) > limit {
			return &Error{StepRedirect, fmt.Errorf("more than %d, the last to %s", limit, r.URL.Redacted())}
		}
		if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
			return &Error{StepRedirect, fmt.Errorf("to %s, which is not HTTP", r.URL.Redacted())}
		}
		return nil
	}
}
