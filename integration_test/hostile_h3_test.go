package integration_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

// h3conn is a QUIC connection, with its control stream, which sends what it likes.
type h3conn struct {
	*quic.Conn
	control *quic.SendStream
}

func (c *h3conn) Close() error { return c.CloseWithError(0x100, "") }

func (h *hostile) h3() (*h3conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := quic.DialAddr(ctx, "127.0.0.1:"+h.port, &tls.Config{
		InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{"h3"},
	}, &quic.Config{MaxIdleTimeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	control, err := conn.OpenUniStream()
	if err == nil {
		_, err = control.Write([]byte{h3Control, h3Settings, 0})
	}
	if err != nil {
		_ = conn.CloseWithError(0, "")
		return nil, err
	}
	return &h3conn{conn, control}, nil
}

// Numbers of RFC 9114: the type of the control stream, and types of frames.
const (
	h3Control     = 0x00
	h3Data        = 0x00
	h3Headers     = 0x01
	h3Settings    = 0x04
	h3PushPromise = 0x05
	h3GoAway      = 0x07
	h3MaxPushID   = 0x0d
	h3Reserved    = 0x21
)

// errors of RFC 9114 that a client gives when it leaves.
const (
	h3RequestCancelled = 0x10c
	h3NoError          = 0x100
)

func h3Frame(kind uint64, payload []byte) []byte {
	return append(quicvarint.Append(quicvarint.Append(nil, kind), uint64(len(payload))), payload...)
}

// h3Block is a head in QPACK, every field as a literal.
func h3Block(fields ...string) []byte {
	block := []byte{0, 0} // it needs no dynamic table
	for i := 0; i < len(fields); i += 2 {
		block = appendPrefixed(block, 0x20, 3, fields[i])
		block = appendPrefixed(block, 0x00, 7, fields[i+1])
	}
	return block
}

// appendPrefixed appends a string whose length begins in the low bits of its first byte.
func appendPrefixed(p []byte, first byte, bits int, s string) []byte {
	n, most := len(s), 1<<bits-1
	if n < most {
		p = append(p, first|byte(n))
	} else {
		p = append(p, first|byte(most))
		for n -= most; n >= 128; n >>= 7 {
			p = append(p, byte(n)|128)
		}
		p = append(p, byte(n))
	}
	return append(p, s...)
}

// h3 returns the request in two frames of data.
func (r hostileRequest) h3() []byte {
	fields := []string{":method", r.method, ":scheme", "https", ":authority", "localhost", ":path", r.path}
	if r.body == "" {
		return h3Frame(h3Headers, h3Block(fields...))
	}
	half := len(r.body) / 2
	return bytes.Join([][]byte{
		h3Frame(h3Headers, h3Block(append(fields, "content-type", r.ctype)...)),
		h3Frame(h3Data, []byte(r.body[:half])),
		h3Frame(h3Data, []byte(r.body[half:])),
	}, nil)
}

// open opens a stream that does not wait for ever.
func (c *h3conn) open() (*quic.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	return s, s.SetDeadline(time.Now().Add(patience))
}

// leave cancels both sides of a stream.
func leaveStream(s *quic.Stream, code quic.StreamErrorCode) {
	s.CancelRead(code)
	s.CancelWrite(code)
}

func h3Attacks() []attack {
	stream := func(name string, do func(c *h3conn, r hostileRequest, i int) error) attack {
		return attack{"h3 " + name, func(h *hostile, n int) error {
			return rounds(h, n, h.h3, func(c *h3conn, i int) error {
				return do(c, hostileRequests[i%len(hostileRequests)], i)
			})
		}}
	}
	var variants [][]byte
	for _, r := range hostileRequests {
		variants = append(variants, r.h3())
	}
	all := newCuts(variants)
	return []attack{
		stream("reset at once", func(c *h3conn, r hostileRequest, i int) error {
			s, err := c.open()
			if err != nil {
				return err
			}
			_, err = s.Write(r.h3())
			leaveStream(s, h3RequestCancelled)
			return err
		}),
		stream("reset when the answer begins", func(c *h3conn, _ hostileRequest, i int) error {
			s, err := c.open()
			if err != nil {
				return err
			}
			r := hostileRequest{"GET", []string{"/try/flow", "/try/events", "/try/filter", "/try/no_route"}[i%4], "", ""}
			defer leaveStream(s, h3RequestCancelled)
			if _, err := s.Write(r.h3()); err != nil {
				return err
			}
			_, err = s.Read(make([]byte, 100))
			return err
		}),
		{"h3 cut at every byte", func(h *hostile, n int) error {
			return rounds(h, max(n, all.longest), h.h3, func(c *h3conn, i int) error {
				s, err := c.open()
				if err != nil {
					return err
				}
				_, err = s.Write(all.at(i))
				if i%3 == 0 { // an end in the middle
					_ = s.Close()
					s.CancelRead(h3RequestCancelled)
				} else {
					leaveStream(s, quic.StreamErrorCode(h3NoError+i%20))
				}
				return err
			})
		}},
		{"h3 dropped with its streams", func(h *hostile, n int) error {
			const many = 60
			return rounds(h, n/many+1, h.h3, func(c *h3conn, i int) error {
				h.made.Add(many - 1)
				for k := range many {
					s, err := c.open()
					if err != nil {
						return err
					}
					if _, err := s.Write(all.at(i*many + k)); err != nil {
						return err
					}
				}
				_ = c.CloseWithError(quic.ApplicationErrorCode(h3NoError+i%20), "gone")
				return fmt.Errorf("this connection has served its turn")
			})
		}},
		h3Flood("SETTINGS", nil, func(c *h3conn, _ *quic.Stream, _ int) error {
			_, err := c.control.Write(h3Frame(h3Settings, nil))
			return err
		}),
		h3Flood("GOAWAY and MAX_PUSH_ID", nil, func(c *h3conn, _ *quic.Stream, i int) error {
			kind := []uint64{h3GoAway, h3MaxPushID}[i%2]
			_, err := c.control.Write(h3Frame(kind, quicvarint.Append(nil, uint64(i))))
			return err
		}),
		h3Flood("reserved frames", nil, func(c *h3conn, _ *quic.Stream, i int) error {
			_, err := c.control.Write(h3Frame(h3Reserved+0x1f*uint64(i%50), make([]byte, 100)))
			return err
		}),
		h3Flood("streams of reserved types", nil, func(c *h3conn, _ *quic.Stream, i int) error {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			s, err := c.OpenUniStreamSync(ctx)
			if err != nil {
				return err
			}
			_, err = s.Write(quicvarint.Append(nil, h3Reserved+0x1f*uint64(i%50)))
			s.CancelWrite(h3NoError)
			return err
		}),
		h3Flood("empty DATA", func() []byte { return hostileRequests[0].h3() }, func(_ *h3conn, s *quic.Stream, _ int) error {
			_, err := s.Write(h3Frame(h3Data, nil))
			return err
		}),
		h3Flood("reserved frames in a body", func() []byte { return hostileRequests[0].h3() }, func(_ *h3conn, s *quic.Stream, i int) error {
			_, err := s.Write(h3Frame(h3Reserved, make([]byte, i%100)))
			return err
		}),
		h3Flood("trailers again and again", func() []byte { return hostileRequests[0].h3() }, func(_ *h3conn, s *quic.Stream, _ int) error {
			_, err := s.Write(h3Frame(h3Headers, h3Block("x-trailer", "1")))
			return err
		}),
		stream("nonsense", func(c *h3conn, r hostileRequest, i int) error {
			s, err := c.open()
			if err != nil {
				return err
			}
			defer leaveStream(s, h3RequestCancelled)
			huge := quicvarint.Append(quicvarint.Append(nil, h3Headers), 1<<40)
			bytes := [][]byte{
				h3Frame(h3Data, []byte("before the head")),
				append(huge, "a head of a TiB"...),
				h3Frame(h3Headers, nil),
				h3Frame(h3Headers, []byte{0xff, 0xff, 0xff, 0xff}),
				h3Frame(h3Headers, h3Block(":method", r.method)),
				h3Frame(h3Headers, h3Block(":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/ok", "content-length", "5")),
				h3Frame(h3Headers, h3Block(":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/ok", "Upper", "case")),
				h3Frame(h3Headers, h3Block(":method", "CONNECT", ":authority", "localhost")),
				h3Frame(h3PushPromise, []byte{1}),
				append(r.h3(), h3Frame(h3Settings, nil)...),
			}[i%10]
			_, err = s.Write(bytes)
			_ = s.Close()
			if err == nil {
				_, err = s.Read(make([]byte, 1))
			}
			return err
		}),
	}
}

// h3Flood is an attack that sends frames on one connection, after a request if there is
// one, until the server has closed it or taken very many.
func h3Flood(name string, request func() []byte, do func(c *h3conn, s *quic.Stream, i int) error) attack {
	const each = 5000
	return attack{"h3 " + name, func(h *hostile, n int) error {
		return rounds(h, n/1000+1, h.h3, func(c *h3conn, _ int) error {
			var s *quic.Stream
			if request != nil {
				var err error
				if s, err = c.open(); err != nil {
					return err
				}
				if _, err := s.Write(request()); err != nil {
					return err
				}
				defer leaveStream(s, h3RequestCancelled)
			}
			for i := range each {
				if err := do(c, s, i); err != nil {
					return err
				}
			}
			return nil
		})
	}}
}
