// Package redis keeps a connection to a server that speaks the protocol of Redis: alone, with
// Sentinels, or a cluster. It connects again whenever the connection is lost, ends what is not answered
// in time, and fails at once while the server is known to be away.
package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/spelling"
	"github.com/caddy-rover/rover/luart/topics"
)

// Options say which server, and how.
type Options struct {
	// URL is redis://[user:password@]host:port[/database], rediss:// with TLS, or unix:///path. Further
	// servers of a cluster, or Sentinels, are ?addr=host:port; ?master_set=name asks Sentinels.
	URL string

	User, Password string // in place of the URL's

	// What Sentinels ask for. They are other servers, and mostly have no passwords.
	SentinelUser, SentinelPassword string

	TLS     *tls.Config // in place of what rediss:// makes; without ServerName it is the host of each server
	Timeout time.Duration
	Logger  *zap.Logger // nil: nothing is logged
	Name    string      // "the store", in the log

	// Dial connects to each server there is, also to those that a server names. nil: net.Dialer. With
	// it there are no sockets of files.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	MaxReply int           // bytes of one answer; an element counts for elementBytes too. 0: any
	NoCache  bool          // the server need not tell of changes
	Idle     time.Duration // a connection that nobody uses is closed then. 0: never

	// Lazy says that the first call connects, not New.
	Lazy bool

	// Context ends what is under way, as Close does. nil: nothing does.
	Context context.Context
}

// Client is a connection to a server that is kept. Any goroutine may use it.
type Client struct {
	o       Options
	option  rueidis.ClientOption
	address string

	topics    topics.Set[*rueidis.PubSubMessage]
	receiving map[string]chan struct{} // by topic: closed when nobody receives it any more; guarded by topics

	conn    atomic.Pointer[connection] // nil: the server does not answer, see err; written under mu
	calls   atomic.Uint64
	errors  atomic.Uint64
	waiting atomic.Int64
	using   atomic.Int64 // calls and subscriptions
	used    atomic.Int64 // when the last of them began or ended
	latency atomic.Int64
	spent   atomic.Int64 // in calls that were answered, and had to be in time
	times   [len(Bounds) + 1]atomic.Uint64
	misses  atomic.Int32 // calls in a row that the server has not answered

	mu    sync.Mutex
	err   error // why there is no connection; nil: there is one
	since time.Time
	runs  bool          // the keeper does
	free  func() bool   // no longer ends it with Options.Context
	ready chan struct{} // closed when its first try to connect is over

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	lost   chan struct{} // has the keeper look whether the server answers
	work   sync.WaitGroup
}

// connection is a client whose server answers.
type connection struct {
	rueidis.Client
	ctx    context.Context // ends when it is given up
	giveUp context.CancelFunc
}

const (
	maxMisses    = 3                      // then the server is asked whether it is there
	retryConnect = 250 * time.Millisecond // between tries
	pingEvery    = 2 * time.Second
)

// Bounds are those of the histogram of how long calls take.
var Bounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond,
	20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second,
}

// UnansweredError says why there is no answer: whether the server has done what was asked is not
// known.
type UnansweredError struct{ Err error }

func (e *UnansweredError) Error() string { return e.Err.Error() }
func (e *UnansweredError) Unwrap() error { return e.Err }

// New makes a client. It does not wait for the server; an error is one of the options.
func New(o Options) (*Client, error) {
	o.Timeout = cmp.Or(o.Timeout, time.Second)
	if o.Context == nil {
		o.Context = context.Background()
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	option, err := rueidis.ParseURL(o.URL)
	if err == nil {
		err = checkParameters(o.URL)
	}
	if err != nil {
		return nil, errors.New(hideSecrets(err.Error(), o.URL))
	}
	option.Username = cmp.Or(o.User, option.Username)
	option.Password = cmp.Or(o.Password, option.Password)
	if option.TLSConfig != nil {
		// The URL names one server: others of a cluster, and those that Sentinels name, have names
		// of their own. The name that is dialed is checked where none is said.
		option.TLSConfig.ServerName = ""
	}
	if o.TLS != nil {
		option.TLSConfig = o.TLS
	}
	if option.Sentinel.MasterSet != "" {
		option.Sentinel.TLSConfig = option.TLSConfig
		option.Sentinel.Username, option.Sentinel.Password = o.SentinelUser, o.SentinelPassword
	}
	option.ClientName = cmp.Or(option.ClientName, "rover")
	option.Dialer.Timeout = o.Timeout
	option.ConnWriteTimeout = max(o.Timeout, time.Second)
	option.ReadBufferEachConn, option.WriteBufferEachConn = 64<<10, 64<<10
	option.PipelineMultiplex = 0 // calls pipeline well on few connections
	option.DisableCache = o.NoCache
	c := &Client{
		o: o, option: option, address: strings.Join(option.InitAddress, ","), since: time.Now(),
		receiving: map[string]chan struct{}{}, lost: make(chan struct{}, 1), err: errors.New("not connected yet"),
	}
	if err := c.setDial(); err != nil {
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	if !o.Lazy {
		c.start()
	}
	return c, nil
}

// parameters are those that a URL may have.
var parameters = []string{"addr", "client_cache", "client_name", "db", "master_set", "max_retries", "protocol", "skip_verify"}

// checkParameters returns an error for a parameter of a URL that nothing would ask for: what was
// meant by it would be lost.
func checkParameters(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fmt.Errorf("the query of the URL: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(parameters, name) {
			hint := spelling.DidYouMean(spelling.Nearest(name, parameters))
			return fmt.Errorf("unknown parameter %q in the URL: %s", name, cmp.Or(hint, "there are "+strings.Join(parameters, ", ")))
		}
	}
	return nil
}

// hideSecrets takes a URL, which may have a password, out of a message.
func hideSecrets(message, url string) string {
	return strings.ReplaceAll(strings.ReplaceAll(message, strconv.Quote(url), "the URL"), url, "the URL")
}

// setDial has connections made by Dial, and answers bounded.
func (c *Client) setDial() error {
	if c.o.Dial == nil && c.o.MaxReply == 0 {
		return nil
	}
	dial := c.o.Dial
	if dial == nil {
		dial = c.option.Dialer.DialContext
	} else if c.option.DialCtxFn != nil || c.option.DialFn != nil {
		return errors.New("a host and a port expected, not a file")
	}
	c.option.DialCtxFn = func(ctx context.Context, addr string, _ *net.Dialer, config *tls.Config) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
		defer cancel()
		conn, err := dial(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		if config != nil {
			if config.ServerName == "" {
				config = config.Clone()
				config.ServerName, _, _ = net.SplitHostPort(addr)
			}
			secure := tls.Client(conn, config)
			if err := secure.HandshakeContext(ctx); err != nil {
				_ = conn.Close()
				return nil, err
			}
			conn = secure
		}
		if c.o.MaxReply > 0 {
			conn = &boundedConn{Conn: conn, replies: replies{max: c.o.MaxReply}}
		}
		return conn, nil
	}
	return nil
}

// Address is where the server is, without secrets.
func (c *Client) Address() string { return c.address }

// Do has a call made, which ends with ctx or after the timeout. Its error is ctx's, one of the server's
// answer, or an *UnansweredError. That there is no value is none.
func (c *Client) Do(ctx context.Context, call func(ctx context.Context, c rueidis.Client) error) error {
	return c.do(ctx, c.o.Timeout, call)
}

// DoBlocking is Do for what takes its time at the server: only ctx ends it.
func (c *Client) DoBlocking(ctx context.Context, call func(ctx context.Context, c rueidis.Client) error) error {
	return c.do(undated{ctx}, 0, call)
}

// undated is a context without its deadline, which ends it all the same: the client waits for one that has
// a deadline by the clock alone, and does not see that it ends before.
type undated struct{ context.Context }

func (undated) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

func (c *Client) do(ctx context.Context, timeout time.Duration, call func(ctx context.Context, c rueidis.Client) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.calls.Add(1)
	c.use(1)
	defer c.use(-1)
	within, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		within, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	conn, away := c.connected(within)
	if conn == nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.errors.Add(1)
		return &UnansweredError{away}
	}
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	began := time.Now()
	err := call(within, conn)
	if answered(err) {
		c.misses.Store(0)
		if timeout > 0 {
			c.note(time.Since(began))
		}
		if rueidis.IsRedisNil(err) {
			err = nil
		}
		return err
	}
	if ctx.Err() != nil { // the caller has left: that says nothing of the server
		return ctx.Err()
	}
	c.errors.Add(1)
	if within.Err() != nil {
		err = fmt.Errorf("no answer within %s", timeout)
	}
	if c.misses.Add(1) == maxMisses {
		select {
		case c.lost <- struct{}{}:
		default:
		}
	}
	return &UnansweredError{err}
}

func (c *Client) use(n int64) {
	c.using.Add(n)
	c.used.Store(time.Now().UnixNano())
}

// connected returns the connection, or why there is none. Where nobody has tried yet it waits for that.
func (c *Client) connected(ctx context.Context) (conn *connection, away error) {
	if conn := c.conn.Load(); conn != nil {
		return conn, nil
	}
	c.AwaitFirst(ctx)
	c.mu.Lock() // between two looks at what it guards the server may have come back
	defer c.mu.Unlock()
	return c.conn.Load(), c.err
}

// AwaitFirst waits until the first try to connect is over.
func (c *Client) AwaitFirst(ctx context.Context) {
	select {
	case <-c.start():
	case <-ctx.Done():
	}
}

// answered reports whether the server has answered.
func answered(err error) bool {
	if err == nil || rueidis.IsRedisNil(err) {
		return true
	}
	_, ok := rueidis.IsRedisErr(err)
	return ok
}

// note counts a call that was answered, and smooths the latency.
func (c *Client) note(d time.Duration) {
	c.spent.Add(int64(d))
	i, _ := slices.BinarySearch(Bounds[:], d)
	c.times[i].Add(1)
	old := c.latency.Load()
	if old == 0 {
		c.latency.Store(int64(d))
		return
	}
	c.latency.Store(old + (int64(d)-old)/16)
}

// Status is how a client is.
type Status struct {
	Address       string
	Err           error // why it is not connected; nil: it is
	Since         time.Time
	Calls, Errors uint64
	Waiting       int64
	Latency       time.Duration
	Spent         time.Duration // in calls that were answered
	Times         []uint64      // how many of those took up to each of Bounds, and more
}

// Status says how it is.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		Address: c.address, Err: c.err, Since: c.since, Calls: c.calls.Load(), Errors: c.errors.Load(),
		Waiting: c.waiting.Load(), Latency: time.Duration(c.latency.Load()),
		Spent: time.Duration(c.spent.Load()),
	}
	for i := range c.times {
		s.Times = append(s.Times, c.times[i].Load())
	}
	return s
}

// Close ends what is under way.
func (c *Client) Close() {
	c.mu.Lock() // or start begins a keeper that nobody waits for
	c.cancel()
	c.mu.Unlock()
	c.work.Wait()
}
