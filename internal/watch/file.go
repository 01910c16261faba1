package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/caddy-rover/rover/luart/giveup"
)

// largestScript is twice what a module may be: what is larger was put there by mistake.
const largestScript = 32 << 20

// Reader reads files that may not answer. The zero value is ready. Any goroutine may use it.
type Reader struct{ calls giveup.Calls[[]byte] }

// Read returns what a regular file holds. Errors: it is none; it is larger than a script can be;
// ctx ends first.
func (f *Reader) Read(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, giveup.Patience)
	defer cancel()
	source, err := f.calls.Do(ctx, path, func() ([]byte, error) { return ReadFile(path) })
	if errors.Is(err, giveup.ErrNoAnswer) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return source, err
}

// ReadFile reads a file that is no pipe, device or folder: those wait for somebody, have no
// end, or no content.
func ReadFile(path string) ([]byte, error) {
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

// Hash is what a file held. The zero value is a file that is not there.
type Hash [sha256.Size]byte

// HashOf returns the hash of a file's content; nil is none.
func HashOf(source []byte) Hash {
	if source == nil {
		return Hash{}
	}
	return sha256.Sum256(source)
}
