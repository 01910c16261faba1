package geo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"weak"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/caddy-rover/rover/luart/files"
)

// key tells a file from others, and from a later one in its place.
type key struct {
	path     string
	modified int64 // in nanoseconds
	size     int64
}

func keyOf(path string, info fs.FileInfo) key {
	return key{path, info.ModTime().UnixNano(), info.Size()}
}

func (k key) stamp() []byte { return fmt.Appendf(nil, "%d bytes of %d", k.size, k.modified) }

// Stamp returns what tells the file that is at a path now from others there.
func Stamp(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return keyOf(path, info).stamp(), nil
}

// opened are the databases that somebody has.
var opened = struct {
	mu    sync.Mutex
	byKey map[key]weak.Pointer[Database]
}{byKey: map[key]weak.Pointer[Database]{}}

func find(k key) *Database {
	opened.mu.Lock()
	defer opened.mu.Unlock()
	return opened.byKey[k].Value()
}

// share returns the database that all have of a file: db, unless there is one already.
func share(db *Database) *Database {
	opened.mu.Lock()
	defer opened.mu.Unlock()
	if other := opened.byKey[db.key].Value(); other != nil {
		return other
	}
	opened.byKey[db.key] = weak.Make(db)
	runtime.AddCleanup(db, func(k key) {
		opened.mu.Lock()
		defer opened.mu.Unlock()
		if opened.byKey[k].Value() == nil {
			delete(opened.byKey, k)
		}
	}, db.key)
	return db
}

// Open opens files. The error names the one that is wrong. told is called for each that is looked
// at, with its stamp; nil: it is not there, or cannot be read.
func Open(ctx context.Context, paths []string, told func(path string, stamp []byte)) (Databases, error) {
	var all Databases
	for _, path := range paths {
		var looked []byte
		db, err := files.Call(ctx, files.Everywhere, func() (*Database, error) { return open(path) })
		if err == nil {
			looked = db.key.stamp()
		} else if !errors.Is(err, context.Canceled) {
			looked, _ = files.Call(ctx, files.Everywhere, func() ([]byte, error) { return Stamp(path) })
		}
		told(path, looked)
		if err != nil {
			var of *fs.PathError
			if errors.As(err, &of) {
				err = of.Err // the path is named already
			}
			return nil, fmt.Errorf("opening geo file %q: %w", path, err)
		}
		all = append(all, db)
	}
	return all, nil
}

// open opens one file.
func open(path string) (*Database, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would wait for who writes it
		return nil, errors.New("it is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	k := keyOf(path, info)
	if db := find(k); db != nil {
		return db, nil
	}
	content, err := read(f, k.size, MaxFileBytes)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if keyOf(path, info) != k {
		return nil, errors.New("it changed while it was read: put a new file in its place by a rename")
	}
	reader, err := parse(content)
	if err != nil {
		return nil, err
	}
	return share(&Database{key: k, reader: reader}), nil
}

// read returns what is in a file of a size, of largest bytes at most.
func read(f io.Reader, size, largest int64) ([]byte, error) {
	if size > largest {
		return nil, fmt.Errorf("it has %d bytes, and may have %d", size, largest)
	}
	content := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead)) // so that it is not copied
	if _, err := content.ReadFrom(io.LimitReader(f, size+1)); err != nil {
		return nil, err
	}
	if int64(content.Len()) != size {
		return nil, errors.New("it changed while it was read: put a new file in its place by a rename")
	}
	return content.Bytes(), nil
}

// parse reads what a file holds of itself. What is known of addresses is read when it is asked for.
func parse(content []byte) (*maxminddb.Reader, error) {
	reader, err := maxminddb.OpenBytes(content)
	if err != nil {
		return nil, fmt.Errorf("it is no database of MaxMind's format (.mmdb), or damaged: %w", err)
	}
	m := reader.Metadata
	switch {
	case m.BinaryFormatMajorVersion != 2:
		return nil, fmt.Errorf("it has version %d of MaxMind's format, and only 2 is known", m.BinaryFormatMajorVersion)
	case m.IPVersion != 4 && m.IPVersion != 6:
		return nil, fmt.Errorf("%w: it is for version %d of IP", errDamaged, m.IPVersion)
	case m.RecordSize != 24 && m.RecordSize != 28 && m.RecordSize != 32:
		return nil, fmt.Errorf("%w: it has records of %d bits", errDamaged, m.RecordSize)
	case m.NodeCount == 0:
		return nil, fmt.Errorf("%w: it has no nodes", errDamaged)
	}
	return reader, nil
}
