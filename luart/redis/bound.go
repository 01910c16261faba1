package redis

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// elementBytes is what an element of an answer counts for beside its bytes: memory for it.
const elementBytes = 16

// boundedConn is a connection whose answers are bounded. What is too large is not read on: its
// length does not reach the client, which would make room for it.
type boundedConn struct {
	net.Conn
	replies replies
}

func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	n, wrong := c.replies.read(p[:n])
	if wrong != nil {
		_ = c.Close()
		return n, wrong
	}
	return n, err
}

// replies follows answers in the bytes that a server sends, by the protocols RESP2 and RESP3.
type replies struct {
	max int // bytes of one

	used int    // of the answer that is being read
	left int    // elements that are to come in it, beside the one that is being read
	line []byte // the beginning of a line, up to what a length may have
	skip int    // bytes of a string that are to come
	err  error
}

// read returns how many of the bytes may be read, and why the rest may not.
func (r *replies) read(b []byte) (n int, err error) {
	for n < len(b) && r.err == nil {
		if r.skip > 0 {
			take := min(r.skip, len(b)-n)
			n, r.skip = n+take, r.skip-take
			if r.skip == 0 {
				r.end()
			}
			continue
		}
		if len(r.line) < 32 {
			r.line = append(r.line, b[n])
		}
		if b[n] == '\n' {
			r.head(r.line)
			r.line = r.line[:0]
		} else {
			r.count(1)
		}
		if r.err == nil {
			n++
		}
	}
	return n, r.err
}

func (r *replies) count(n int) {
	if n > r.max-r.used {
		r.err = fmt.Errorf("an answer is larger than %d bytes, the limit", r.max)
		return
	}
	r.used += n
}

// head reads the line that an element begins with, or is.
func (r *replies) head(line []byte) {
	r.count(elementBytes)
	switch line[0] {
	case '+', '-', ':', ',', '(', '#', '_':
		r.end()
		return
	case '$', '!', '=', '*', '~', '>', '%', '|':
	default:
		r.err = errors.New("the server does not speak the protocol of Redis")
		return
	}
	if len(line) < 4 || line[len(line)-2] != '\r' {
		r.err = errors.New("an answer of the server has no length")
		return
	}
	n, err := strconv.ParseInt(string(line[1:len(line)-2]), 10, 32)
	switch {
	case err != nil || n < -1:
		r.err = errors.New("an answer of the server has no length")
	case n == -1:
		r.end()
	case line[0] == '$' || line[0] == '!' || line[0] == '=':
		r.count(int(n))
		r.skip = int(n) + 2
	default:
		if line[0] == '%' || line[0] == '|' {
			n *= 2
		}
		if int64(r.left)+n > int64((r.max-r.used)/elementBytes) {
			r.count(r.max + 1)
			return
		}
		r.left += int(n)
		r.end()
	}
}

// end is the end of an element.
func (r *replies) end() {
	if r.left--; r.left < 0 {
		r.left, r.used = 0, 0
	}
}
