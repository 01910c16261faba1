package reqbody

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

// Spool is a request's body that has been read: in memory, or in a file in the system's
// folder for temporary files (TMPDIR). Where the system allows it the file has no name, so
// that it is gone with the process, whatever ends that. One goroutine at a time may write
// to it. Once it is written any goroutine may read it; reads after close fail.
type Spool struct {
	Mem  []byte
	File *os.File
	name string // of the file, where it could not be removed while it is open
	Size int64
	Open *atomic.Int64 // counts the files
}

// Write implements io.Writer. Its errors are those of the disk.
func (s *Spool) Write(p []byte) (int, error) {
	if s.File == nil {
		if len(s.Mem)+len(p) <= spoolMemoryBytes {
			s.Mem = append(s.Mem, p...)
			s.Size += int64(len(p))
			return len(p), nil
		}
		if err := s.toFile(); err != nil {
			return 0, err
		}
	}
	n, err := s.File.Write(p)
	s.Size += int64(n)
	if err != nil {
		return n, &SpoolError{err}
	}
	return n, nil
}

// toFile moves what is there into a file.
func (s *Spool) toFile() error {
	f, err := os.CreateTemp("", "rover-upload-*")
	if err != nil {
		return &SpoolError{err}
	}
	s.File = f
	s.Open.Add(1)
	if os.Remove(f.Name()) != nil {
		s.name = f.Name()
	}
	if _, err := f.Write(s.Mem); err != nil {
		return &SpoolError{err}
	}
	s.Mem = nil
	return nil
}

// SpoolError says that a body could not be kept: the server's fault, not the client's.
type SpoolError struct{ err error }

func (e *SpoolError) Error() string { return fmt.Sprintf("keeping the request body: %v", e.err) }
func (e *SpoolError) Unwrap() error { return e.err }

// ReadAt implements io.ReaderAt.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	if s.File != nil {
		return s.File.ReadAt(p, off)
	}
	if off >= int64(len(s.Mem)) {
		return 0, io.EOF
	}
	n := copy(p, s.Mem[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Reader returns what reads s from the beginning.
func (s *Spool) Reader() io.Reader { return io.NewSectionReader(s, 0, s.Size) }

// Close gives the file back. It may be called more than once.
func (s *Spool) Close() {
	if s.File == nil {
		return
	}
	if s.File.Close() == nil {
		s.Open.Add(-1)
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

// Prefixed is a request's body that begins with what was read before. Like net/http's it
// cannot be read once it is closed: the rest of it must not pass for the whole.
type Prefixed struct {
	io.Reader
	Rest   io.Closer // the connection's own body; nil: there is none
	closed atomic.Bool
}

func (r *Prefixed) Read(p []byte) (int, error) {
	if r.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return r.Reader.Read(p)
}

func (r *Prefixed) Close() error {
	r.closed.Store(true)
	if r.Rest == nil {
		return nil
	}
	return r.Rest.Close()
}

// spooledBody is Prefixed when nothing is left to be read of the connection.
type spooledBody struct {
	Prefixed
	s *Spool
}

func (s *Spool) Body(rest io.Closer) Rereadable {
	return &spooledBody{Prefixed{Reader: s.Reader(), Rest: rest}, s}
}

// NewReader implements Rereadable.
func (r *spooledBody) NewReader() io.ReadCloser { return r.s.Body(r.Rest) }
