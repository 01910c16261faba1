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
	"time"

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

// cmdStall begins uploads on one HTTP/2 connection, which stays open for as long as the
// script's client, and sends one byte of each: stall N /path.
func cmdStall(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	c := clientOf(ts)
	f, conn, err := c.framer()
	ts.Check(err)
	c.hung = append(c.hung, func() { _ = conn.Close() })
	for i := range n {
		ts.Check(beginUpload(f, i, args[1]))
		ts.Check(f.WriteData(streamID(i), false, []byte("x")))
	}
	ts.Check(pingServer(f, 0))
	c.wg.Go(func() { _, _ = io.Copy(io.Discard, conn) }) // what the server answers must not fill the connection
}

// framer returns a new HTTP/2 connection. It is for as long as patience.
func (c *client) framer() (*http2.Framer, net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := c.http2().Transport.(*http.Transport).DialTLSContext(ctx, "tcp", "localhost:443")
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err = io.WriteString(conn, http2.ClientPreface); err == nil {
		f := http2.NewFramer(conn, conn)
		if err = f.WriteSettings(); err == nil {
			return f, conn, nil
		}
	}
	_ = conn.Close()
	return nil, nil, err
}

// streamID returns the id of a client's stream, by its number from 0.
func streamID(i int) uint32 { return uint32(2*i + 1) }

// beginUpload opens a stream for a POST whose body is to come.
func beginUpload(f *http2.Framer, i int, path string) error {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	enc.SetMaxDynamicTableSize(0) // each block stands alone
	for _, h := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", path}} {
		if err := enc.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
			return err
		}
	}
	return f.WriteHeaders(http2.HeadersFrameParam{StreamID: streamID(i), BlockFragment: block.Bytes(), EndHeaders: true})
}

// resetStreams opens n streams on one connection, one after the other, and resets each.
func (c *client) resetStreams(n int, path string) error {
	f, conn, err := c.framer()
	if err != nil {
		return err
	}
	defer conn.Close()
	for i := range n {
		err := beginUpload(f, i, path)
		if err == nil {
			err = f.WriteRSTStream(streamID(i), http2.ErrCodeCancel)
		}
		if err == nil {
			err = pingServer(f, byte(i))
		}
		if err != nil {
			return fmt.Errorf("stream %d: %w", streamID(i), err)
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
