package files

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// MaxFile is how long a file may become by appending to it.
const MaxFile = 1 << 30

// Write makes content the whole of a file, or leaves it as it was. Who reads it meanwhile gets the
// one or the other.
func (p Place) Write(content []byte) error {
	return p.change(func(root *os.Root, name string) (err error) {
		perm := fs.FileMode(0o644)
		info, err := root.Lstat(name)
		switch {
		case err == nil && !info.Mode().IsRegular():
			return ErrNotFile // also a link: it would be replaced
		case err == nil:
			perm = info.Mode().Perm()
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		temp := path.Join(path.Dir(filepath.ToSlash(name)), temporary+rand.Text())
		f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		if err == nil && info != nil {
			err = f.Chmod(perm) // whatever the umask
		}
		if err == nil {
			err = f.Sync() // else a crash could leave the name, and nothing in it
		}
		if err = errors.Join(err, f.Close()); err == nil {
			err = root.Rename(temp, name)
		}
		if err != nil {
			_ = root.Remove(temp)
		}
		return err
	})
}

// Append writes content to the end of a file, which it makes if need be.
func (p Place) Append(content []byte) error {
	return p.change(func(root *os.Root, name string) error {
		if info, err := root.Lstat(name); err == nil && !info.Mode().IsRegular() {
			return ErrNotFile // also a link, as Write
		}
		f, info, err := openRegular(root, name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return err
		}
		if info.Size()+int64(len(content)) > MaxFile {
			f.Close()
			return fmt.Errorf("%w: it would be more than %d bytes", ErrTooLarge, int64(MaxFile))
		}
		_, err = f.Write(content)
		return errors.Join(err, f.Close())
	})
}

// Remove removes a file, a link or an empty folder, but not the folder of the grant.
func (p Place) Remove() error {
	return p.change(func(root *os.Root, name string) error { return root.Remove(name) })
}

// Mkdir makes a folder, and those that it is in. It may be there.
func (p Place) Mkdir() error {
	if err := p.writable(); err != nil {
		return err
	}
	return p.in(func(root *os.Root, name string) error { return root.MkdirAll(name, 0o755) })
}

// writable says why nothing in the folder may be changed, nil if it may.
func (p Place) writable() error {
	switch {
	case p.folder.ReadOnly:
		return ErrReadOnly
	case p.folder.Unchanged:
		return ErrUnchanged
	}
	return nil
}

// change calls do for what may be changed.
func (p Place) change(do func(root *os.Root, name string) error) error {
	if err := p.writable(); err != nil {
		return err
	}
	switch {
	case p.name == ".":
		return ErrNotFile
	case isTemporary(filepath.Base(p.name)):
		return ErrForbidden
	}
	return p.in(do)
}
