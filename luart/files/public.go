package files

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Public is the files of a folder that everybody may have. It is an [fs.FS] of what file servers
// need. What is hidden, is no regular file and no folder, or lies outside, is not there: nobody
// learns the difference.
type Public struct {
	folder Place
	hide   []string // patterns of names, in small letters
}

// NewPublic returns what clients may have of a folder. hide has patterns of [path.Match], of names,
// or with a slash of paths in the folder. Names that begin with a dot are hidden anyway, but for
// .well-known.
func NewPublic(folder Place, hide []string) (*Public, error) {
	for _, pattern := range hide {
		if err := CheckPattern(pattern); err != nil {
			return nil, err
		}
	}
	folder.sub, folder.name = filepath.Join(folder.sub, folder.name), "."
	p := &Public{folder: folder}
	for _, pattern := range hide {
		p.hide = append(p.hide, strings.ToLower(strings.TrimPrefix(pattern, "/")))
	}
	return p, nil
}

// CheckPattern judges a pattern of what is hidden.
func CheckPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" || len(pattern) > MaxPath {
		return errors.New("'" + pattern + "' is no pattern such as *.map")
	}
	return nil
}

// Path is where the folder is.
func (p *Public) Path() string { return p.folder.Path() }

// wellKnown is the one name with a dot that is there for everybody (RFC 8615).
const wellKnown = ".well-known"

// isHidden reports whether nobody is to have name, or what it is in. Case does not matter: on some
// systems it does not for files, either.
func (p *Public) isHidden(name string) bool {
	name = strings.ToLower(name)
	if p.names(name) {
		return true
	}
	for _, suffix := range compressed { // of what is hidden, this is as much
		if plain, ok := strings.CutSuffix(name, suffix); ok && p.isHidden(plain) {
			return true
		}
	}
	return false
}

// compressed is how the names of files end that hold another one, compressed.
var compressed = []string{".gz", ".br", ".zst"}

// names reports whether dots or patterns hide a name in small letters, or what it is in.
func (p *Public) names(name string) bool {
	steps := strings.Split(name, "/")
	for i, step := range steps {
		if strings.HasPrefix(step, ".") && step != "." && (i > 0 || step != wellKnown) {
			return true
		}
		whole := strings.Join(steps[:i+1], "/")
		if slices.ContainsFunc(p.hide, func(pattern string) bool {
			of := step
			if strings.Contains(pattern, "/") {
				of = whole
			}
			matched, _ := path.Match(pattern, of)
			return matched
		}) {
			return true
		}
	}
	return false
}

// clean returns the name of a file in the folder.
func (p *Public) clean(name string) (string, error) {
	name = strings.TrimPrefix(filepath.ToSlash(name), "/")
	if name == "" {
		name = "."
	}
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\x00\\") || len(name) > MaxPath || p.isHidden(name) {
		return "", fs.ErrNotExist
	}
	return filepath.FromSlash(name), nil
}

// Stat implements fs.StatFS. Names may begin with a slash.
func (p *Public) Stat(name string) (info fs.FileInfo, err error) {
	name, err = p.clean(name)
	if err != nil {
		return nil, err
	}
	err = p.folder.in(func(root *os.Root, _ string) error {
		info, err = root.Stat(name)
		if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
			err = fs.ErrNotExist
		}
		return err
	})
	if err != nil {
		return nil, missing(err)
	}
	return info, nil
}

// Open implements fs.FS, for regular files. Names may begin with a slash.
func (p *Public) Open(name string) (f fs.File, err error) {
	name, err = p.clean(name)
	if err != nil {
		return nil, err
	}
	err = p.folder.in(func(root *os.Root, _ string) error {
		opened, _, err := openRegular(root, name, os.O_RDONLY, 0)
		if err == nil {
			f = opened
		}
		return err
	})
	if err != nil {
		return nil, missing(err)
	}
	return f, nil
}

// exhausted are the errors that are about the server, and not about a file.
var exhausted = []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO}

// missing makes a file that nobody may have one that is not there.
func missing(err error) error {
	for _, e := range exhausted {
		if errors.Is(err, e) {
			return e // without the path, which a file server takes for a bad request
		}
	}
	return fs.ErrNotExist
}

// Interface guards
var _ fs.StatFS = (*Public)(nil)
