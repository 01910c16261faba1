package lean

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"
)

// exchange is one request and its response on a connection.
type exchange struct {
	t      *Transport
	c      *conn
	req    *http.Request
	caller Caller // nil: trace has its part
	trace  *httptrace.ClientTrace

	// Parts of it, so that they cost no allocations of their own.
	usual http.Response
	body  body
	sized sized

	up   *upload
	gone sync.WaitGroup // what closes the connection when the request is cancelled is running
	slow *time.Timer    // closes it when no head has come; nil: it may take any time

	mu      sync.Mutex
	stop    func() bool // of what closes the connection when the request is cancelled; nil: not yet
	over    bool
	gotHead bool
	late    bool // slow has closed it

	keeps bool // the connection may be used again after the response
	wrote bool // a byte of the request
}

// errHeadTimeout ends an exchange whose response takes longer than response_header_timeout.
var errHeadTimeout error = headTimeoutError{}

// headTimeoutError is a net.Error: reverse_proxy answers 504.
type headTimeoutError struct{}

func (headTimeoutError) Error() string   { return "net/http: timeout awaiting response headers" }
func (headTimeoutError) Timeout() bool   { return true }
func (headTimeoutError) Temporary() bool { return true }

// errSwitched ends an exchange whose server does what is for an upgrade only.
var errSwitched = errors.New("the server has switched protocols, which nobody asked for")

// run sends the request and reads the head of the response. After an error nobody reads the request's
// body any more, and the caller ends the exchange. Otherwise the response's body does.
//
// While the response is awaited it keeps no buffer: neither that of the head it has sent, nor one to
// read into.
func (x *exchange) run(f framing, h *head) (*http.Response, error) {
	c := x.c
	if x.caller != nil && asks(f, x.trace) {
		x.watchLater()
	} else {
		x.watch()
	}
	if err := x.send(f, h); err != nil {
		if x.isLate() { // while it was being sent
			err = errHeadTimeout
		}
		return nil, err
	}
	c.buffer(x.t.readSize)
	resp, err := x.readHead()
	if err == nil {
		err = x.req.Context().Err() // it may not be watched yet
	}
	if err != nil {
		err = x.explain(err)
		c.Close()
		x.up.wait() // nobody reads the body of a request that has failed
		return nil, err
	}
	c.limit = -1
	x.keeps = !resp.Close && !x.req.Close && !x.t.base.DisableKeepAlives
	switch {
	case resp.Body != nil: // of http.ReadResponse
		if closes(resp) {
			x.keeps = false
		}
	case bodyless(resp):
		resp.Body = http.NoBody
	case resp.TransferEncoding != nil:
		resp.Body = newChunked(c.br, resp)
	default:
		x.sized = sized{br: c.br, left: resp.ContentLength}
		resp.Body = &x.sized
	}
	if resp.Body == http.NoBody {
		x.end(true)
	} else {
		x.body = body{ReadCloser: resp.Body, x: x}
		resp.Body = &x.body
	}
	return resp, nil
}

// send sends the request, but for the rest of its body, and waits until something has come.
func (x *exchange) send(f framing, h *head) error {
	c := x.c
	if asks(f, x.trace) {
		closeBody(x.req)
		x.sent()
		n, err := c.ask(h)
		if x.wrote = n > 0; err != nil {
			return fmt.Errorf("write error: %w", err)
		}
		return nil
	}
	n, err := c.Write(*h.text)
	h.free()
	if x.wrote = n > 0; err != nil {
		if x.trace != nil && x.trace.WroteRequest != nil {
			x.trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
		}
		closeBody(x.req)
		return fmt.Errorf("write error: %w", err)
	}
	if f == (framing{}) {
		closeBody(x.req)
		x.sent()
	} else {
		x.up = startUpload(c, x.req, f, x.sent)
	}
	c.await()
	return nil
}

// asks reports whether a request is sent, and its response awaited, at once.
func asks(f framing, trace *httptrace.ClientTrace) bool { return f == framing{} && trace == nil }

// patience is how long an exchange for a Caller may take that is not watched for being cancelled. Most are
// over by then, and to watch costs five allocations.
const patience = 20 * time.Millisecond

// watchLater has the exchange watched if it takes long.
func (x *exchange) watchLater() {
	c := x.c
	c.current.Store(x)
	if c.patience != nil {
		c.patience.Reset(patience)
		return
	}
	c.patience = time.AfterFunc(patience, func() {
		if x := c.current.Load(); x != nil { // the next one, if the timer was late: it may be watched, too
			x.watch()
		}
	})
}

// watch closes the connection when the request is cancelled: whoever reads or writes ends.
func (x *exchange) watch() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over || x.stop != nil {
		return
	}
	x.gone.Add(1)
	x.stop = context.AfterFunc(x.req.Context(), func() {
		defer x.gone.Done()
		x.c.Close()
	})
}

// sent is called when the request has been sent: the time for the head of the response begins.
func (x *exchange) sent() {
	if x.trace != nil && x.trace.WroteRequest != nil {
		x.trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	d := x.t.base.ResponseHeaderTimeout
	if d <= 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.gotHead || x.over {
		return
	}
	x.slow = time.AfterFunc(d, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if !x.gotHead && !x.over {
			x.late = true
			x.c.Close()
		}
	})
}

// readHead reads informational heads, and returns the final one.
func (x *exchange) readHead() (*http.Response, error) {
	if x.trace != nil && x.trace.GotFirstResponseByte != nil {
		if _, err := x.c.br.Peek(1); err == nil {
			x.trace.GotFirstResponseByte()
		}
	}
	for {
		resp, err := readHead(x.c.br, x.req, &x.usual)
		switch {
		case err != nil:
			return nil, err
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errSwitched
		case resp.StatusCode >= 100 && resp.StatusCode < 200:
			told, err := x.inform(resp)
			if err != nil {
				return nil, err
			}
			if told {
				x.c.limit = x.t.maxHead // who is told of them limits how many there are
			}
			continue
		}
		x.mu.Lock()
		x.gotHead = true
		late := x.late
		x.mu.Unlock()
		if late {
			return nil, errHeadTimeout
		}
		return resp, nil
	}
}

// inform tells whoever wants to know of an informational response. It reports whether there is somebody.
func (x *exchange) inform(resp *http.Response) (bool, error) {
	switch {
	case x.caller != nil:
		return true, x.caller.Informed(resp.StatusCode, resp.Header)
	case x.trace != nil && x.trace.Got1xxResponse != nil:
		return true, x.trace.Got1xxResponse(resp.StatusCode, textproto.MIMEHeader(resp.Header))
	}
	return false, nil
}

// explain returns why there is no response.
func (x *exchange) explain(err error) error {
	readErr, writeErr := x.up.failed()
	switch {
	case x.isLate():
		return errHeadTimeout
	case readErr != nil:
		return readErr
	case writeErr != nil:
		return fmt.Errorf("write error: %w", writeErr)
	case x.c.limit == 0:
		err = fmt.Errorf("net/http: server response headers exceeded %d bytes; aborted", x.t.maxHead)
	case !x.c.got, errors.Is(err, errSwitched): // it has closed the connection, or is no HTTP any more
		return err
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", err) // as http.Transport has it
}

func (x *exchange) isLate() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.late
}

// stale reports whether an exchange failed because the server had closed the connection before it,
// such that it can be tried again on another one.
func (x *exchange) stale(err error) bool {
	if !x.c.reused || x.c.got || errors.Is(err, errHeadTimeout) {
		return false
	}
	if !x.wrote {
		return x.req.Body == nil || x.req.Body == http.NoBody || x.req.GetBody != nil
	}
	return replayable(x.req)
}

// end ends the exchange, once: the connection goes back to the pool if the response has been read
// whole, or is closed. It reports whether this call did. Somebody may still be reading if it has not
// been read whole.
func (x *exchange) end(whole bool) bool {
	x.mu.Lock()
	over, slow, stop := x.over, x.slow, x.stop
	x.over = true
	x.mu.Unlock()
	if over {
		return false
	}
	if timer := x.c.patience; timer != nil { // it was run
		x.c.current.Store(nil)
		timer.Stop()
	}
	if slow != nil {
		slow.Stop()
	}
	keep := whole && x.keeps && x.up.ended()
	if stop != nil && !stop() { // it is being closed
		x.gone.Wait()
		keep = false
	}
	if keep && x.c.br.Buffered() == 0 { // else the server has sent what nobody has asked for
		x.c.rest()
		x.t.pool.put(x.c)
	} else {
		x.c.Close()
	}
	return true
}

// body is the body of a response.
type body struct {
	io.ReadCloser
	x *exchange
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil {
		return n, nil
	}
	whole := errors.Is(err, io.EOF)
	if b.x.end(whole) && !whole {
		if cause := context.Cause(b.x.req.Context()); cause != nil {
			err = cause
		}
	}
	return n, err
}

// ready reports whether it is known that a read returns at once.
func (b *body) ready() bool {
	r, ok := b.ReadCloser.(interface{ ready() bool })
	return ok && r.ready()
}

// Ready reports whether it is known that reading from the body of a response, of which nothing has been
// read yet, returns at once.
func Ready(body io.Reader) bool {
	r, ok := body.(interface{ ready() bool })
	return ok && r.ready()
}

// Close implements io.Closer. What has not been read is lost, and the connection with it.
func (b *body) Close() error {
	b.x.end(false)
	return nil
}
