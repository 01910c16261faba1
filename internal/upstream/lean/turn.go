package lean

import (
	"cmp"
	"errors"
	"net"
	"os"
	"syscall"
)

// errStale ends an exchange whose connection was closed while nobody used it. Nothing has been sent.
var errStale = errors.New("the server has closed the idle connection")

// turn is a turn of a connection with the system's poller: it looks whether the server has closed it, sends
// a text, and waits for what comes. As one turn it takes fewer system calls than each for itself, and
// what comes after it has looked cannot be missed.
//
// The poller remembers what has come since the turn has begun, and wakes whoever waits.
type turn struct {
	take func(fd uintptr) bool // step; nil: the connection is not one of the system's alone

	look   bool  // whether the connection is quiet
	head   *head // to send then; it is freed when it has been sent; nil: nothing
	begun  bool
	stale  bool
	sent   int
	failed error
}

// looks reports whether ask looks whether the connection lives.
func (c *conn) looks() bool { return c.raw != nil && c.turn.take != nil }

// ask sends a head, and waits until something has come or the connection has ended. It takes no buffer
// for that: many may wait, and for long. It may return too early. It returns errStale if the connection
// was closed before.
func (c *conn) ask(h *head) (sent int, err error) {
	t := &c.turn
	if c.looks() {
		err = c.poll(c.reused, h)
		if t.stale {
			return 0, errStale
		}
		if h.text == nil {
			return t.sent, nil // whoever reads sees what is wrong
		}
		if t.failed != nil || err != nil {
			return t.sent, c.writeError(cmp.Or(t.failed, err))
		}
		sent = t.sent
	}
	n, err := c.Write((*h.text)[sent:])
	h.free()
	if err == nil {
		c.await()
	}
	return sent + n, err
}

// await is ask without a head.
func (c *conn) await() {
	if c.looks() {
		_ = c.poll(true, nil) // whoever reads sees the error
	}
}

// writeError is an error as Write returns it.
func (c *conn) writeError(err error) error {
	if already, ok := errors.AsType[*net.OpError](err); ok {
		err = already.Err
	}
	return &net.OpError{Op: "write", Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

func (c *conn) poll(look bool, h *head) error {
	t := &c.turn
	*t = turn{take: t.take, look: look, head: h}
	err := c.raw.Read(t.take)
	t.head = nil
	return err
}

// step is called by raw.Read at once, and then, if it has returned false, when there may be something.
func (t *turn) step(fd uintptr) bool {
	if t.begun {
		return true
	}
	t.begun = true
	if t.look && !quiet(fd) {
		t.stale = true
		return true
	}
	if t.head == nil {
		return false
	}
	n, err := write(fd, *t.head.text)
	t.sent = max(n, 0)
	if err != nil && !again(err) {
		t.failed = os.NewSyscallError("write", err)
		return true
	}
	if t.sent < len(*t.head.text) {
		return true
	}
	t.head.free()
	return false
}

// again reports whether a write is to be tried again when there is room.
func again(err error) bool { return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) }
