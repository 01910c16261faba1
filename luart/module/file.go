package module

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// MaxScriptBytes is the longest script, twice what a module may be: what is longer was put there
// by mistake.
const MaxScriptBytes = 2 * MaxBytes

// ReadScript reads the file of a script, or of its tests. It does not open pipes, devices and
// folders: those wait for somebody, have no end, or no content.
func ReadScript(path string) ([]byte, error) {
	return readRegular(diskFiles{}, path, MaxScriptBytes)
}

// files is what a file is read from: an *os.Root, or all of the disk.
type files interface {
	Stat(name string) (fs.FileInfo, error)
	Open(name string) (*os.File, error)
}

type diskFiles struct{}

func (diskFiles) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }
func (diskFiles) Open(name string) (*os.File, error)    { return os.Open(name) }

// readRegular reads a file that is a regular one, of at most largest bytes.
func readRegular(from files, name string, largest int64) ([]byte, error) {
	info, err := from.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := from.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err != nil {
		return nil, err
	}
	if int64(len(source)) > largest {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, largest)
	}
	return source, nil
}
