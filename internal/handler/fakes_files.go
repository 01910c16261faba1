package handler

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/caddy-rover/rover/luart/files"
)

// maxTestFiles and maxTestBytes bound what is copied of one folder for a test.
const (
	maxTestFiles = 10_000
	maxTestBytes = 256 << 20
)

// copyFolders sets folders: those in which the script may write are copied, so that no test changes
// what the script has in truth, or what the next test finds.
func (f *fakes) copyFolders(grants files.Grants) error {
	for i, folder := range grants {
		if folder.ReadOnly {
			continue
		}
		if f.temp == "" {
			var err error
			if f.temp, err = os.MkdirTemp("", "rover-test-"); err != nil {
				return err
			}
		}
		grants[i].At = filepath.Join(f.temp, strconv.Itoa(i))
		if err := copyFolder(folder.Dir, grants[i].At); err != nil {
			return fmt.Errorf("copying the folder %s for a test: %w", folder.Dir, err)
		}
	}
	f.folders = grants
	return nil
}

// copyFolder copies folders and regular files. A folder that is not there is empty.
func copyFolder(from, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	entries, size := 0, int64(0)
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if entries++; entries > maxTestFiles {
			return fmt.Errorf("more than %d files", maxTestFiles)
		}
		if entry.IsDir() {
			return os.Mkdir(filepath.Join(to, filepath.FromSlash(name)), 0o700)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if size += info.Size(); size > maxTestBytes {
			return fmt.Errorf("more than %d bytes", maxTestBytes)
		}
		content, err := fs.ReadFile(root.FS(), name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, filepath.FromSlash(name)), content, 0o600)
	})
}

// removeFolders removes the copies.
func (f *fakes) removeFolders() error {
	if f.temp == "" {
		return nil
	}
	return os.RemoveAll(f.temp)
}
