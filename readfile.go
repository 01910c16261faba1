package rover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/caddy-rover/rover/luart/giveup"
)

// largestScript is twice what a module may be: what is larger was put there by mistake.
const largestScript = 32 << 20

// fileReader reads files that may not answer. The zero value is ready. Any goroutine may use it.
type fileReader struct{ calls giveup.Calls[[]byte] }

// read returns what a regular file holds. Errors: it is none; it is larger than a script can be;
// ctx ends first.
func (f *fileReader) read(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, giveup.Patience)
	defer cancel()
	source, err := f.calls.Do(ctx, path, func() ([]byte, error) { return readRegular(path) })
	if errors.Is(err, giveup.ErrNoAnswer) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return source, err
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
