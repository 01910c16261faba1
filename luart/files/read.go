package files

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// MaxEntries is how many entries a folder may have to be listed.
const MaxEntries = 10_000

// Info says what is at a place.
type Info struct {
	Name     string
	Type     string // "file", "directory", "other"
	Size     int64  // of a file
	Modified time.Time
}

func infoOf(info fs.FileInfo) Info {
	i := Info{Name: info.Name(), Type: "other", Modified: info.ModTime()}
	switch {
	case info.Mode().IsRegular():
		i.Type, i.Size = "file", info.Size()
	case info.IsDir():
		i.Type = "directory"
	}
	return i
}

// Read returns what is in a file of at most largest bytes.
func (p Place) Read(largest int64) (content []byte, err error) {
	err = p.in(func(root *os.Root, name string) error {
		f, info, err := openRegular(root, name, os.O_RDONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		if info.Size() > largest {
			return tooLarge(largest)
		}
		content = make([]byte, 0, info.Size()+1)
		for { // it may grow meanwhile, and some of the system's have no size
			if len(content) == cap(content) {
				content = append(content, 0)[:len(content)]
			}
			n, err := f.Read(content[len(content):min(int64(cap(content)), largest+1)])
			content = content[:len(content)+n]
			if int64(len(content)) > largest {
				return tooLarge(largest)
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return content, nil
}

func tooLarge(largest int64) error {
	return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, largest)
}

// openRegular opens a regular file. It does not wait for who is at the other end of a pipe, and
// opens no device, which might do something at that.
func openRegular(root *os.Root, name string, flag int, perm fs.FileMode) (*os.File, fs.FileInfo, error) {
	info, err := root.Stat(name)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, nil, ErrNotFile
	case err != nil && flag&os.O_CREATE == 0:
		return nil, nil, err
	}
	f, err := root.OpenFile(name, flag|syscall.O_NONBLOCK, perm)
	if err != nil {
		return nil, nil, err
	}
	info, err = f.Stat() // it may be another one by now
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotFile
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// Stat says what is there.
func (p Place) Stat() (info Info, err error) {
	err = p.in(func(root *os.Root, name string) error {
		found, err := root.Stat(name)
		if err == nil {
			info = infoOf(found)
		}
		return err
	})
	return info, err
}

// List returns what is in a folder, by name, at most MaxEntries. Links are what they lead to, or
// other if that is outside, or nothing.
func (p Place) List() (list []Info, err error) {
	err = p.in(func(root *os.Root, name string) error {
		inside, err := root.OpenRoot(name + "/") // with the slash it opens no pipe, which would wait
		if err != nil {
			return err
		}
		defer inside.Close()
		dir, err := inside.Open(".")
		if err != nil {
			return err
		}
		defer dir.Close()
		entries, err := dir.ReadDir(MaxEntries + 1)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(entries) > MaxEntries {
			return fmt.Errorf("%w: more than %d entries", ErrTooLarge, MaxEntries)
		}
		for _, entry := range entries {
			if isTemporary(entry.Name()) {
				continue
			}
			i := Info{Name: entry.Name(), Type: "other"}
			if found, err := inside.Stat(entry.Name()); err == nil {
				i = infoOf(found)
				i.Name = entry.Name()
			}
			list = append(list, i)
		}
		slices.SortFunc(list, func(a, b Info) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
	return list, err
}

// temporary is how the names of files begin that are not written yet.
const temporary = ".rover-writes-"

func isTemporary(name string) bool { return strings.HasPrefix(name, temporary) }
