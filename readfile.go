package rover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// largestScript is twice what a module may be: what is larger was put there by mistake.
const largestScript = 32 << 20

// readPatience is how long a file may take to be read. A network file system that is gone holds
// a read for ever, and nothing can end it.
const readPatience = 10 * time.Second

var errNotRead = errors.New("the file system does not answer")

// fileReader reads files that may not answer. A read that is given up goes on behind its back,
// one for each path: who asks for the same file meanwhile waits for that. The zero value is
// ready. Any goroutine may use it.
type fileReader struct {
	mu    sync.Mutex
	reads map[string]*fileRead // under way
}

// fileRead is a file that is being read.
type fileRead struct {
	done   chan struct{} // closed when the rest is there
	source []byte
	err    error
}

// read returns what a regular file holds. Errors: it is none; it is larger than a script can be;
// ctx ends first.
func (f *fileReader) read(ctx context.Context, path string) ([]byte, error) {
	return f.readWith(ctx, path, readRegular)
}

func (f *fileReader) readWith(ctx context.Context, path string, read func(string) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	f.mu.Lock()
	r := f.reads[path]
	if r == nil {
		r = &fileRead{done: make(chan struct{})}
		if f.reads == nil {
			f.reads = map[string]*fileRead{}
		}
		f.reads[path] = r
		go func() {
			r.source, r.err = read(path)
			f.mu.Lock()
			delete(f.reads, path)
			f.mu.Unlock()
			close(r.done)
		}()
	}
	f.mu.Unlock()
	select {
	case <-r.done:
		return r.source, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", path, errNotRead)
	}
}

// readRegular reads a file that is no pipe, device or folder: those wait for somebody, have no
// end, or no content.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	source, err := io.ReadAll(io.LimitReader(file, largestScript+1))
	if err == nil && len(source) > largestScript {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, largestScript)
	}
	return source, err
}
