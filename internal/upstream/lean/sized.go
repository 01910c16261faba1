package lean

import (
	"bufio"
	"io"
)

// sized is a body of a known length.
type sized struct {
	br   *bufio.Reader
	left int64
}

// Read implements io.Reader. The last bytes come with io.EOF.
func (s *sized) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.br.Read(p)
	s.left -= int64(n)
	switch {
	case s.left == 0:
		err = io.EOF
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close implements io.Closer.
func (s *sized) Close() error { return nil }

// ready reports whether a read returns at once.
func (s *sized) ready() bool { return s.left == 0 || s.br.Buffered() > 0 }
