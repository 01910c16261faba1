package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func newH2C(socket string) *http.Client {
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, socket)
		},
	}}
}

// h2conn is one end of a connection, which sends what it likes.
type h2conn struct {
	net.Conn
	w    *bufio.Writer
	fr   *http2.Framer
	enc  *hpack.Encoder
	head bytes.Buffer
	next uint32 // stream

	mu      sync.Mutex
	answers map[uint32]chan struct{} // closed when the stream's answer begins, or it ends
	ended   chan struct{}            // closed when the connection has
}

// h2 connects, over TLS or with prior knowledge, and with deaf does not read what comes.
func (h *hostile) h2(proto string, deaf bool) (*h2conn, error) {
	connect := h.plainConn
	if proto == "h2" {
		connect = func() (net.Conn, error) { return h.tlsConn("h2") }
	}
	conn, err := connect()
	if err != nil {
		return nil, err
	}
	c := &h2conn{Conn: conn, w: bufio.NewWriter(conn), next: 1, answers: map[uint32]chan struct{}{}, ended: make(chan struct{})}
	c.fr = http2.NewFramer(c.w, conn)
	c.fr.AllowIllegalWrites = true
	c.enc = hpack.NewEncoder(&c.head)
	if _, err := io.WriteString(c.w, http2.ClientPreface); err != nil {
		return nil, err
	}
	if err := c.fr.WriteSettings(); err != nil {
		return nil, err
	}
	if deaf {
		return c, nil
	}
	go func() {
		defer close(c.ended)
		for {
			f, err := c.fr.ReadFrame()
			if err != nil {
				return
			}
			switch f.(type) {
			case *http2.HeadersFrame, *http2.RSTStreamFrame:
				c.mu.Lock()
				if answer := c.answers[f.Header().StreamID]; answer != nil {
					close(answer)
					delete(c.answers, f.Header().StreamID)
				}
				c.mu.Unlock()
			}
		}
	}()
	return c, nil
}

// answer returns a channel that is closed when the next stream's answer begins.
func (c *h2conn) answer() chan struct{} {
	answer := make(chan struct{})
	c.mu.Lock()
	c.answers[c.next] = answer
	c.mu.Unlock()
	return answer
}

// block encodes the head of a request.
func (c *h2conn) block(r hostileRequest, more ...hpack.HeaderField) []byte {
	c.head.Reset()
	fields := []hpack.HeaderField{
		{Name: ":method", Value: r.method},
		{Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: "localhost"},
		{Name: ":path", Value: r.path},
	}
	if r.body != "" {
		fields = append(fields, hpack.HeaderField{Name: "content-type", Value: r.ctype})
	}
	for _, f := range append(fields, more...) {
		_ = c.enc.WriteField(f)
	}
	return c.head.Bytes()
}

// begin sends a request's head on a stream of its own.
func (c *h2conn) begin(r hostileRequest) (stream uint32, err error) {
	stream = c.next
	c.next += 2
	return stream, c.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: c.block(r), EndHeaders: true, EndStream: r.body == "",
	})
}

func h2Attacks(proto string) []attack {
	stream := func(name string, do func(c *h2conn, r hostileRequest, i int) error) attack {
		return attack{proto + " " + name, func(h *hostile, n int) error {
			return rounds(h, n, func() (*h2conn, error) { return h.h2(proto, false) }, func(c *h2conn, i int) error {
				return do(c, hostileRequests[i%len(hostileRequests)], i)
			})
		}}
	}
	flood := func(name string, deaf bool, do func(c *h2conn, i int) error) attack {
		return attack{proto + " " + name, func(h *hostile, n int) error { return h2Flood(h, proto, n, deaf, do) }}
	}
	return []attack{
		stream("reset at once", func(c *h2conn, r hostileRequest, i int) error {
			id, err := c.begin(r)
			if err != nil {
				return err
			}
			if i%2 == 0 { // a packet for each frame, or one for both
				_ = c.w.Flush()
			}
			if err := c.fr.WriteRSTStream(id, http2.ErrCode(i%14)); err != nil {
				return err
			}
			return c.w.Flush()
		}),
		stream("reset in the body", func(c *h2conn, r hostileRequest, i int) error {
			id, err := c.begin(r)
			if err != nil {
				return err
			}
			if r.body != "" {
				if err := c.fr.WriteData(id, false, []byte(r.body[:i%len(r.body)])); err != nil {
					return err
				}
			}
			if err := c.w.Flush(); err != nil {
				return err
			}
			if err := c.fr.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
				return err
			}
			return c.w.Flush()
		}),
		stream("reset when the answer begins", func(c *h2conn, r hostileRequest, i int) error {
			if r.method == "POST" { // whose answer could take as long as the server's patience
				r.path = []string{"/try/unread", "/try/text", "/try/flow_read", "/try/filter", "/try/next"}[i%5]
			}
			answer := c.answer()
			id, err := c.begin(r)
			if err == nil && r.body != "" {
				err = c.fr.WriteData(id, true, []byte(r.body))
			}
			if err == nil {
				err = c.w.Flush()
			}
			if err != nil {
				return err
			}
			if r.path == "/try/whole" {
				// It reads an answer without end: nothing is to be waited for.
			} else {
				select {
				case <-answer:
				case <-c.ended:
					return io.EOF
				}
			}
			if err := c.fr.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
				return err
			}
			return c.w.Flush()
		}),
		{proto + " dropped with its streams", func(h *hostile, n int) error {
			const many = 60
			return rounds(h, n/many+1, func() (io.Closer, error) { return io.NopCloser(nil), nil }, func(_ io.Closer, i int) error {
				c, err := h.h2(proto, i%2 == 0)
				if err != nil {
					return fmt.Errorf("%w: connecting: %w", errFault, err)
				}
				defer c.Close()
				h.made.Add(many - 1)
				for k := range many {
					r := hostileRequests[(i*many+k)%len(hostileRequests)]
					id, err := c.begin(r)
					if err == nil && r.body != "" {
						err = c.fr.WriteData(id, k%4 == 0, []byte(r.body[:1+k%len(r.body)]))
					}
					if err != nil {
						return err
					}
				}
				return c.w.Flush()
			})
		}},
		{proto + " cut at every byte", func(h *hostile, n int) error { return h2Cuts(h, proto, n) }},
		flood("CONTINUATION without end", false, func(c *h2conn, i int) error {
			if i == 0 {
				return c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(hostileRequests[0])})
			}
			c.head.Reset()
			_ = c.enc.WriteField(hpack.HeaderField{Name: "x-" + strconv.Itoa(i), Value: "filler"})
			return c.fr.WriteContinuation(1, false, c.head.Bytes())
		}),
		flood("empty CONTINUATION without end", false, func(c *h2conn, i int) error {
			if i == 0 {
				return c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: c.block(hostileRequests[0])})
			}
			return c.fr.WriteContinuation(1, false, nil)
		}),
		flood("SETTINGS", true, func(c *h2conn, i int) error {
			return c.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: uint32(i)})
		}),
		flood("SETTINGS of unknown names", false, func(c *h2conn, i int) error {
			many := make([]http2.Setting, 100)
			for k := range many {
				many[k] = http2.Setting{ID: http2.SettingID(1000 + k), Val: uint32(i)}
			}
			return c.fr.WriteSettings(many...)
		}),
		flood("PING", true, func(c *h2conn, i int) error { return c.fr.WritePing(false, [8]byte{byte(i)}) }),
		flood("PRIORITY", false, func(c *h2conn, i int) error {
			return c.fr.WritePriority(uint32(2*i+1), http2.PriorityParam{StreamDep: uint32(2*i + 3), Weight: 255})
		}),
		flood("empty DATA", false, func(c *h2conn, i int) error {
			if i == 0 {
				_, err := c.begin(hostileRequests[0])
				return err
			}
			return c.fr.WriteData(1, false, nil)
		}),
		flood("DATA of padding", false, func(c *h2conn, i int) error {
			if i == 0 {
				_, err := c.begin(hostileRequests[0])
				return err
			}
			return c.fr.WriteDataPadded(1, false, nil, make([]byte, 255))
		}),
		flood("unknown frames", false, func(c *h2conn, i int) error {
			return c.fr.WriteRawFrame(http2.FrameType(0x20+i%100), http2.Flags(i), uint32(i%5), make([]byte, 100))
		}),
		flood("WINDOW_UPDATE", false, func(c *h2conn, i int) error {
			if i == 0 {
				_, err := c.begin(hostileRequest{"GET", "/try/flow", "", ""})
				return err
			}
			return c.fr.WriteWindowUpdate(uint32(i%2), 1)
		}),
		{proto + " WINDOW_UPDATE out of range", func(h *hostile, n int) error { return h2Windows(h, proto, n) }},
	}
}

// h2Flood sends frames of a kind on a connection until the server has closed it, or it has
// taken a thousand times what is asked for.
func h2Flood(h *hostile, proto string, n int, deaf bool, do func(c *h2conn, i int) error) error {
	const each = 50_000 // frames of one connection, if the server takes as many
	return rounds(h, n/1000+1, func() (io.Closer, error) { return io.NopCloser(nil), nil }, func(io.Closer, int) error {
		c, err := h.h2(proto, deaf)
		if err != nil {
			return fmt.Errorf("%w: connecting: %w", errFault, err)
		}
		defer c.Close()
		for i := range each {
			if err := do(c, i); err != nil {
				return err
			}
		}
		return c.w.Flush()
	})
}

// h2Windows begins an answer and breaks the rules of its flow control.
func h2Windows(h *hostile, proto string, n int) error {
	open := func() (io.Closer, error) { return io.NopCloser(nil), nil }
	return rounds(h, n/10+1, open, func(_ io.Closer, i int) error {
		c, err := h.h2(proto, false)
		if err != nil {
			return fmt.Errorf("%w: connecting: %w", errFault, err)
		}
		defer c.Close()
		window := func(id uint32, size uint32) func() error {
			return func() error { return c.fr.WriteWindowUpdate(id, size) }
		}
		initial := func(size uint32) func() error {
			return func() error {
				return c.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: size})
			}
		}
		breaks := [][]func() error{
			{window(1, 0)},
			{window(0, 0)},
			{window(1, 1<<31-1), window(1, 1<<31-1)},
			{window(0, 1<<31-1), window(0, 1<<31-1)},
			{window(9, 100)}, // an idle stream
			{initial(1 << 31)},
			{initial(1<<31 - 1), window(1, 1)},
			{initial(0), initial(1), initial(0)},
			{func() error { return c.fr.WriteData(1, false, make([]byte, 1<<14)) }}, // of a stream that has ended
			{func() error { return c.fr.WriteRSTStream(7, 0) }},
		}
		if i%2 == 0 {
			if err := initial(0)(); err != nil {
				return err
			}
		}
		if _, err := c.begin(hostileRequest{"GET", []string{"/try/flow", "/try/events", "/try/filter", "/ok"}[i%4], "", ""}); err != nil {
			return err
		}
		if err := c.w.Flush(); err != nil {
			return err
		}
		for _, do := range breaks[i%len(breaks)] {
			if err := do(); err != nil {
				return err
			}
		}
		return c.w.Flush()
	})
}

// h2Cuts sends every beginning of a connection, in which one of the requests is.
func h2Cuts(h *hostile, proto string, n int) error {
	var variants [][]byte
	for _, r := range hostileRequests {
		var out bytes.Buffer
		c := &h2conn{w: bufio.NewWriter(&out), next: 1}
		c.fr, c.enc = http2.NewFramer(c.w, nil), hpack.NewEncoder(&c.head)
		id, err := c.begin(r)
		if err == nil && r.body != "" {
			half := len(r.body) / 2
			err = c.fr.WriteData(id, false, []byte(r.body[:half]))
			if err == nil {
				err = c.fr.WriteData(id, true, []byte(r.body[half:]))
			}
		}
		if err != nil {
			return err
		}
		_ = c.w.Flush()
		variants = append(variants, out.Bytes())
	}
	open := func() (io.Closer, error) { return io.NopCloser(nil), nil }
	all := newCuts(variants)
	return rounds(h, max(n, all.longest), open, func(_ io.Closer, i int) error {
		c, err := h.h2(proto, i%2 == 0)
		if err != nil {
			return fmt.Errorf("%w: connecting: %w", errFault, err)
		}
		defer c.Close()
		if _, err := c.w.Write(all.at(i)); err != nil {
			return err
		}
		return c.w.Flush()
	})
}
