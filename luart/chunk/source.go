package chunk

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// MaxSourceBytes is how much source a generation keeps to show errors in: that of 100,000 lines.
// What is loaded beyond that has errors without their source line.
const MaxSourceBytes = 4 << 20

// Files are the files of one generation as they were loaded: the disk may have others by the time
// of an error. Any goroutine may call its methods.
type Files struct {
	mu    sync.Mutex
	files map[string]*File
	bytes int
}

// File is one file. What is made of its text is made when an error first asks for it.
type File struct {
	Name   string // in messages
	Text   string
	Broken *SyntaxError // why it did not compile

	mu    sync.Mutex
	lines []string
	sites *Sites
}

// Add keeps a file, in the place of an earlier one of that name.
func (s *Files) Add(name string, text []byte, broken error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[string]*File{}
	}
	if old := s.files[name]; old != nil {
		s.bytes -= len(old.Text)
		delete(s.files, name)
	}
	if s.bytes+len(text) > MaxSourceBytes {
		return
	}
	s.bytes += len(text)
	f := &File{Name: name, Text: string(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))}
	f.Broken, _ = broken.(*SyntaxError) //nolint:errorlint // compile returns no other, and wraps none
	s.files[name] = f
}

// Get returns the file of a name, nil if there is none.
func (s *Files) Get(name string) *File {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[name]
}

// Names returns the names of the files, sorted.
func (s *Files) Names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.files))
}

// Position returns the file and line that a message begins with, "app.lua:12: …", and what follows.
// A message may contain anything: only files and lines that exist count. Otherwise file is nil.
func (s *Files) Position(message string) (file *File, line int, rest string) {
	s.mu.Lock()
	for name, f := range s.files {
		after, ok := strings.CutPrefix(message, name)
		if !ok || file != nil && len(name) < len(file.Name) {
			continue
		}
		if n, text, ok := lineNumber(after); ok {
			file, line, rest = f, n, text
		}
	}
	s.mu.Unlock()
	if file == nil || line > len(file.Lines()) {
		return nil, 0, message
	}
	return file, line, rest
}

// lineNumber takes ":12: …" apart.
func lineNumber(s string) (line int, rest string, ok bool) {
	s, ok = strings.CutPrefix(s, ":")
	if !ok {
		return 0, "", false
	}
	digits, rest, ok := strings.Cut(s, ":")
	if !ok || digits == "" || len(digits) > 9 || digits[0] < '1' || digits[0] > '9' {
		return 0, "", false
	}
	line, err := strconv.Atoi(digits)
	return line, strings.TrimPrefix(rest, " "), err == nil
}

// Lines returns the file's lines. Their ends are those that gopher-lua's scanner counts: LF, CR,
// and pairs of both.
func (f *File) Lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lines != nil {
		return f.lines
	}
	text := f.Text
	for {
		end := strings.IndexAny(text, "\r\n")
		if end < 0 {
			f.lines = append(f.lines, text)
			return f.lines
		}
		f.lines = append(f.lines, text[:end])
		next := end + 1
		if next < len(text) && text[next] != text[end] && (text[next] == '\r' || text[next] == '\n') {
			next++
		}
		text = text[next:]
	}
}

// LastLine is the last line with something in it.
func (f *File) LastLine() int {
	lines := f.Lines()
	for n := len(lines); n > 1; n-- {
		if strings.TrimSpace(lines[n-1]) != "" {
			return n
		}
	}
	return 1
}

// LineAt returns a line, from 1, as it is shown: its beginning, and what is no UTF-8 replaced. It
// is "" for a line that there is not.
func (f *File) LineAt(line int) string {
	lines := f.Lines()
	if line < 1 || line > len(lines) {
		return ""
	}
	const longest = 200
	text := lines[line-1]
	if len(text) > longest {
		text = text[:longest]
		for len(text) > 0 && !utf8.RuneStart(f.lines[line-1][len(text)]) {
			text = text[:len(text)-1]
		}
		text += "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
