package luart

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
)

// spoolMemoryBytes of an upload are kept in memory; what is longer goes to a file. Forms
// without files are shorter, and ten thousand uploads at once hold no more than a body
// read with ctx:body() may.
const spoolMemoryBytes = 64 << 10

// spool is a request's body that has been read: in memory, or in a file in the system's
// folder for temporary files (TMPDIR). Where the system allows it the file has no name, so
// that it is gone with the process, whatever ends that. One goroutine at a time may write
// to it. Once it is written any goroutine may read it; reads after close fail.
type spool struct {
	mem  []byte
	file *os.File
	name string // of the file, where it could not be removed while it is open
	size int64
	open *atomic.Int64 // counts the files
}

// Write implements io.Writer. Its errors are those of the disk.
func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil {
		if len(s.mem)+len(p) <= spoolMemoryBytes {
			s.mem = append(s.mem, p...)
			s.size += int64(len(p))
			return len(p), nil
		}
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	if err != nil {
		return n, &spoolError{err}
	}
	return n, nil
}

// toFile moves what is there into a file.
func (s *spool) toFile() error {
	f, err := os.CreateTemp("", "rover-upload-*")
	if err != nil {
		return &spoolError{err}
	}
	s.file = f
	s.open.Add(1)
	if os.Remove(f.Name()) != nil {
		s.name = f.Name()
	}
	if _, err := f.Write(s.mem); err != nil {
		return &spoolError{err}
	}
	s.mem = nil
	return nil
}

// spoolError says that a body could not be kept: the server's fault, not the client's.
type spoolError struct{ err error }

func (e *spoolError) Error() string { return fmt.Sprintf("keeping the request body: %v", e.err) }
func (e *spoolError) Unwrap() error { return e.err }

// ReadAt implements io.ReaderAt.
func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	if off >= int64(len(s.mem)) {
		return 0, io.EOF
	}
	n := copy(p, s.mem[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// reader returns what reads s from the beginning.
func (s *spool) reader() io.Reader { return io.NewSectionReader(s, 0, s.size) }

// close gives the file back. It may be called more than once.
func (s *spool) close() {
	if s.file == nil {
		return
	}
	if s.file.Close() == nil {
		s.open.Add(-1)
	}
	if s.name != "" {
		_ = os.Remove(s.name)
	}
}

// Rereadable is the body of a request that a script has read to its end. Who sends the
// request more than once gives every try after the first a body of its own: the one
// before may still be in use by a transport that has given up on it.
type Rereadable interface {
	io.ReadCloser
	// NewReader returns the body from its beginning. Any goroutine may call it, until the
	// exchange ends.
	NewReader() io.ReadCloser
}

// prefixedBody is a request's body that begins with what was read before. Like net/http's it
// cannot be read once it is closed: the rest of it must not pass for the whole.
type prefixedBody struct {
	io.Reader
	rest   io.Closer // the connection's own body; nil: there is none
	closed atomic.Bool
}

func (r *prefixedBody) Read(p []byte) (int, error) {
	if r.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return r.Reader.Read(p)
}

func (r *prefixedBody) Close() error {
	r.closed.Store(true)
	if r.rest == nil {
		return nil
	}
	return r.rest.Close()
}

// spooledBody is prefixedBody when nothing is left to be read of the connection.
type spooledBody struct {
	prefixedBody
	s *spool
}

func (s *spool) body(rest io.Closer) Rereadable {
	return &spooledBody{prefixedBody{Reader: s.reader(), rest: rest}, s}
}

// NewReader implements Rereadable.
func (r *spooledBody) NewReader() io.ReadCloser { return r.s.body(r.rest) }
