package integration_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// cmdResets begins uploads over HTTP/2 and resets each stream: resets N /path. A reset has
// no answer; the server must go on to serve the connection.
func cmdResets(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	c := clientOf(ts)
	const conns = 8 // so that many are under way at once
	failed := make([]error, conns)
	var wg sync.WaitGroup
	for i := range conns {
		wg.Go(func() { failed[i] = c.resetStreams(n/conns, args[1]) })
	}
	wg.Wait()
	ts.Check(errors.Join(failed...))
}

// resetStreams opens n streams on one connection, one after the other, and resets each.
func (c *client) resetStreams(n int, path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := c.http2().Transport.(*http.Transport).DialTLSContext(ctx, "tcp", "localhost:443")
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return err
	}
	f := http2.NewFramer(conn, conn)
	if err := f.WriteSettings(); err != nil {
		return err
	}
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := range n {
		block.Reset()
		for _, h := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", path}} {
			if err := enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
				return err
			}
		}
		id := uint32(2*i + 1)
		err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
		if err != nil {
			return fmt.Errorf("stream %d: %w", id, err)
		}
		if err := f.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
			return fmt.Errorf("stream %d: %w", id, err)
		}
		if err := pingServer(f, byte(i)); err != nil {
			return fmt.Errorf("after the reset of stream %d: %w", id, err)
		}
	}
	return nil
}

// pingServer waits until the server has taken what was sent.
func pingServer(f *http2.Framer, n byte) error {
	data := [8]byte{n}
	if err := f.WritePing(false, data); err != nil {
		return err
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return err
		}
		switch frame := frame.(type) {
		case *http2.PingFrame:
			if frame.IsAck() && frame.Data == data {
				return nil
			}
		case *http2.GoAwayFrame:
			return fmt.Errorf("the server ends the connection: %s %q: %w", frame.ErrCode, frame.DebugData(), net.ErrClosed)
		}
	}
}
