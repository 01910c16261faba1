//go:build unix

package files

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

// Nobody writes to this pipe: opening it as files are opened would never end.
func TestPipes(t *testing.T) {
	app, g := newFolders(t)
	if err := errors.Join(syscall.Mkfifo(filepath.Join(app, "data", "pipe"), 0o600), syscall.Mkfifo(filepath.Join(app, "public", "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	pipe := find(t, g, app, "data/pipe")
	if _, err := pipe.Read(10); !errors.Is(err, ErrNotFile) {
		t.Errorf("reading: got %v", err)
	}
	if err := pipe.Write(nil); !errors.Is(err, ErrNotFile) {
		t.Errorf("writing: got %v", err)
	}
	if err := pipe.Append(nil); !errors.Is(err, ErrNotFile) {
		t.Errorf("appending: got %v", err)
	}
	if _, err := pipe.List(); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("listing: got %v", err)
	}
	if _, err := find(t, Grants{{Dir: filepath.Join(app, "data", "pipe")}}, app, "data/pipe/x").Read(10); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a pipe as the folder: got %v", err)
	}
	if i, err := pipe.Stat(); err != nil || i.Type != "other" {
		t.Errorf("got %v, %v", i, err)
	}
	p, err := NewPublic(find(t, g, app, "public"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Open("pipe"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	devices, err := NewPublic(find(t, Grants{{Dir: "/dev"}}, "/", "/dev"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := devices.Open("zero"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
