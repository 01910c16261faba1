package lean

import (
	"bufio"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// errHeadTooLarge ends a response whose heads are larger than they may be.
var errHeadTooLarge = errors.New("the head of the response is larger than it may be")

// conn is a connection to a server. It is in the pool, or one exchange has it.
type conn struct {
	net.Conn
	host  string          // the key of the pool
	raw   syscall.RawConn // nil: it cannot be peeked at
	br    *bufio.Reader   // reads by headReader; nil in the pool, and before something has come
	limit int64           // bytes of heads that may come; -1: of a body, any number
	got   bool            // a byte of the response has come
	turn  turn

	patience *time.Timer              // has the exchange watch for its cancelling; nil: there was none yet
	current  atomic.Pointer[exchange] // which has it, while patience may run

	reused bool
	idle   time.Time // since when it is in the pool
}

// readers are those of connections that are not in the pool, of the default size.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, defaultReadBuffer) }}

const defaultReadBuffer = 4 << 10

func newConn(c net.Conn, host string) *conn {
	n := &conn{Conn: c, host: host}
	if sc, ok := c.(syscall.Conn); ok {
		n.raw, _ = sc.SyscallConn() // without it a stale connection is found by its first use
	}
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn: // others may do more than read and write
		if canLook {
			n.turn.take = n.turn.step
		}
	}
	return n
}

// begin makes it ready for an exchange, whose heads may have so many bytes.
func (c *conn) begin(limit int64) {
	c.limit, c.got = limit, false
}

// buffer gives it what it reads into, of a size.
func (c *conn) buffer(bufferSize int) {
	if bufferSize == defaultReadBuffer {
		c.br = readers.Get().(*bufio.Reader)
		c.br.Reset(headReader{c})
	} else {
		c.br = bufio.NewReaderSize(headReader{c}, bufferSize)
	}
}

// rest gives back what an exchange needs. Nobody reads any more.
func (c *conn) rest() {
	if c.br.Size() == defaultReadBuffer {
		c.br.Reset(nil)
		readers.Put(c.br)
	}
	c.br = nil
}

// headReader reads from a connection, and holds heads to their limit.
type headReader struct{ c *conn }

// Read implements io.Reader.
func (h headReader) Read(p []byte) (int, error) {
	c := h.c
	if c.limit < 0 {
		return c.Read(p)
	}
	if c.limit == 0 {
		return 0, errHeadTooLarge
	}
	n, err := c.Read(p[:min(int64(len(p)), c.limit)])
	c.limit -= int64(n)
	c.got = c.got || n > 0
	return n, err
}

// pool keeps connections that nobody uses, those of each host in a stack: the one that was used last
// is the one that most likely lives.
type pool struct {
	perHost, max int           // 0: max has none
	timeout      time.Duration // 0: none
	every        time.Duration // they are looked at

	closed atomic.Bool // CloseIdleConnections was called last: nothing is kept

	mu     sync.Mutex
	byHost map[string][]*conn
	count  int
	sweep  *time.Timer // of expire; nil: there are none
}

// get returns a connection to a host that lives, nil if there is none. Whether one lives that looks
// itself when it is asked is not tried if asks is set.
func (p *pool) get(host string, asks bool) *conn {
	p.closed.Store(false)
	for {
		c := p.pop(host)
		if c == nil || p.timeout <= 0 || time.Since(c.idle) < p.timeout {
			if c == nil || asks && c.looks() || c.lives() {
				return c
			}
		}
		c.Close()
	}
}

func (p *pool) pop(host string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := p.byHost[host]
	if len(conns) == 0 {
		return nil
	}
	last := len(conns) - 1
	c := conns[last]
	conns[last] = nil
	p.count--
	p.byHost[host] = conns[:last] // expire takes away what stays empty
	return c
}

// put keeps a connection, or closes it.
func (p *pool) put(c *conn) {
	if !p.keep(c) {
		c.Close()
	}
}

func (p *pool) keep(c *conn) bool {
	c.idle, c.reused = time.Now(), true
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := p.byHost[c.host]
	if p.closed.Load() || len(conns) >= p.perHost || p.max > 0 && p.count >= p.max {
		return false
	}
	if p.byHost == nil {
		p.byHost = map[string][]*conn{}
	}
	p.byHost[c.host] = append(conns, c)
	p.count++
	if p.sweep == nil {
		first := p.every
		if p.timeout > 0 {
			first = min(first, p.timeout)
		}
		p.sweep = time.AfterFunc(first, p.expire)
	}
	return true
}

// sweepEvery is how often idle connections are looked at.
const sweepEvery = 5 * time.Second

// expire closes the connections that have been there for too long, and those that the server has closed:
// else each would be an open file until it is to be used.
func (p *pool) expire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	next := p.every
	for host, conns := range p.byHost {
		kept := slices.DeleteFunc(conns, func(c *conn) bool {
			idle := now.Sub(c.idle)
			if p.timeout > 0 && idle >= p.timeout || idle >= p.every && !c.lives() {
				c.Close()
				return true
			}
			return false
		})
		p.count -= len(conns) - len(kept)
		if len(kept) == 0 {
			delete(p.byHost, host)
			continue
		}
		p.byHost[host] = kept
		if p.timeout > 0 {
			next = min(next, p.timeout-now.Sub(kept[0].idle))
		}
	}
	if p.count == 0 {
		p.sweep = nil
		return
	}
	p.sweep.Reset(max(next, time.Millisecond))
}

// closeAll closes what is there, and has no more kept until the next get.
func (p *pool) closeAll() {
	p.closed.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conns := range p.byHost {
		for _, c := range conns {
			c.Close()
		}
	}
	p.byHost, p.count = nil, 0
	if p.sweep != nil {
		p.sweep.Stop() // one that runs already finds nothing
		p.sweep = nil
	}
}
