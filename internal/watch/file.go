package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/caddy-rover/rover/luart/giveup"
	"github.com/caddy-rover/rover/luart/module"
)

// Reader reads files that may not answer. The zero value is ready. Any goroutine may use it.
type Reader struct{ calls giveup.Calls[[]byte] }

// Read returns what a regular file holds. Errors: it is none; it is larger than a script can be;
// ctx ends first.
func (f *Reader) Read(ctx context.Context, path string) ([]byte, error) {
	return f.ReadBy(ctx, path, module.ReadScript)
}

// ReadBy is Read by a function of the caller, always the same one for a path.
func (f *Reader) ReadBy(ctx context.Context, path string, read func(path string) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, giveup.Patience)
	defer cancel()
	source, err := f.calls.Do(ctx, path, func() ([]byte, error) { return read(path) })
	if errors.Is(err, giveup.ErrNoAnswer) {
		return nil, fmt.Errorf("%s: %w", path, err)
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
