package lean

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
)

// chunked is the body of a response that comes in chunks, whose trailers no header has announced. It
// accepts and refuses what net/http does.
type chunked struct {
	br     *bufio.Reader
	chunks io.Reader
	resp   *http.Response
	err    error // sticky
}

func newChunked(br *bufio.Reader, resp *http.Response) *chunked {
	return &chunked{br: br, chunks: httputil.NewChunkedReader(br), resp: resp}
}

// Read implements io.Reader.
func (c *chunked) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.chunks.Read(p)
	if err == io.EOF { //nolint:errorlint // as readers return it
		if failed := c.readTrailer(); failed != nil {
			err = failed
		}
	}
	c.err = err
	return n, err
}

// Close implements io.Closer.
func (c *chunked) Close() error { return nil }

// The errors are those of net/http.
var errTrailerCut = errors.New("http: unexpected EOF reading trailer")

// readTrailer reads what is behind the last chunk: an empty line, and trailers before it if there are any.
func (c *chunked) readTrailer() error {
	b, err := c.br.Peek(2)
	switch {
	case string(b) == "\r\n":
		_, err = c.br.Discard(2)
		return err
	case len(b) < 2:
		return errTrailerCut
	case err != nil:
		return err
	}
	if !c.seesEnd() {
		return errors.New("http: suspiciously long trailer after chunked body")
	}
	trailer, err := textproto.NewReader(c.br).ReadMIMEHeader()
	switch {
	case err == io.EOF: //nolint:errorlint // as it is returned
		return errTrailerCut
	case err != nil:
		return err
	}
	if c.resp.Trailer == nil {
		c.resp.Trailer = make(http.Header, len(trailer))
	}
	for name, values := range trailer {
		c.resp.Trailer[name] = values
	}
	return nil
}

// seesEnd reports whether the trailers are no longer than the buffer of the connection.
func (c *chunked) seesEnd() bool {
	for size := 4; size <= c.br.Size(); size++ {
		b, err := c.br.Peek(size)
		if bytes.HasSuffix(b, []byte("\r\n\r\n")) {
			return true
		}
		if err != nil {
			break
		}
	}
	return false
}

// ready reports whether a read returns at once: a chunk has begun to come.
func (c *chunked) ready() bool {
	b, _ := c.br.Peek(c.br.Buffered())
	end := bytes.IndexByte(b, '\n')
	return end >= 0 && len(b)-end > 2 // also behind the last one, where the empty line is
}
