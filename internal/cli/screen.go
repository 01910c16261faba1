package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// screen is a terminal that a command has for itself: its lines are those of the last show.
type screen struct {
	palette
	out  io.Writer
	size func() (width, height int)
	keys <-chan key // closed when there is no more input
}

// onScreen runs f with the terminal's alternate screen, and gives the terminal back as it was,
// also when f panics.
func onScreen(in, out *os.File, f func(*screen) error) error {
	was, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("preparing the terminal: %w", err)
	}
	s := &screen{palette: paletteOf(out), out: out, keys: readKeys(in), size: func() (int, int) {
		width, height, err := term.GetSize(int(out.Fd()))
		if err != nil || width < 1 || height < 1 {
			return 80, 24
		}
		return width, height
	}}
	return s.alone(func() { _ = term.Restore(int(in.Fd()), was) }, f)
}

// alone runs f between taking the screen and giving it back; restore undoes raw mode. Meanwhile
// there is no cursor, and lines do not wrap, should a letter be wider than it looks from here.
func (s *screen) alone(restore func(), f func(*screen) error) error {
	defer restore()
	defer io.WriteString(s.out, "\x1b[?7h\x1b[?25h\x1b[?1049l") //nolint:errcheck // nothing is left to be done
	if _, err := io.WriteString(s.out, "\x1b[?1049h\x1b[?25l\x1b[?7l"); err != nil {
		return err
	}
	return f(s)
}

// show replaces what is on the screen by a heading and lines of text, as many and as much of them
// as fit. The text has been made printable.
func (s *screen) show(heading, text string) error {
	width, height := s.size()
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > height-1 {
		lines = append(lines[:max(0, height-2)], "  … the window is too low for more")
	}
	var b strings.Builder
	b.WriteString("\x1b[H" + s.invert + pad(cut(heading, width), width) + s.reset)
	for _, line := range lines[:min(len(lines), max(0, height-1))] {
		b.WriteString("\r\n" + cut(line, width) + "\x1b[K")
	}
	b.WriteString("\x1b[J")
	_, err := io.WriteString(s.out, b.String())
	return err
}

// cut returns the beginning of a line that fits into a width.
func cut(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:max(0, width-1)]) + "…"
}

// pad adds spaces up to a width.
func pad(line string, width int) string {
	return line + strings.Repeat(" ", max(0, width-len([]rune(line))))
}

// key is a key that was pressed: what it types, or one of these.
type key string

const (
	keyLeft   key = "left"
	keyRight  key = "right"
	keyEscape key = "escape"
	keyCtrlC  key = "\x03"
)

// readKeys sends the keys that are pressed. Its goroutine ends with the input, or with the
// process: nothing else ends a read of a terminal.
func readKeys(in io.Reader) <-chan key {
	keys := make(chan key, 16)
	go func() {
		defer close(keys)
		buf := make([]byte, 64)
		for {
			n, err := in.Read(buf)
			for _, k := range parseKeys(string(buf[:n])) {
				keys <- k
			}
			if err != nil {
				return
			}
		}
	}()
	return keys
}

// parseKeys returns the keys that a read of a raw terminal has brought. What an arrow sends comes
// in one piece; sequences of other keys are none.
func parseKeys(text string) (keys []key) {
	for text != "" {
		if text[0] != '\x1b' {
			keys, text = append(keys, key(text[:1])), text[1:]
			continue
		}
		text = text[1:]
		if text == "" || text[0] != '[' && text[0] != 'O' {
			keys = append(keys, keyEscape)
			continue
		}
		end := strings.IndexFunc(text[1:], func(r rune) bool { return r >= '@' && r <= '~' }) + 1
		if end == 0 {
			return keys
		}
		switch text[end] {
		case 'C':
			keys = append(keys, keyRight)
		case 'D':
			keys = append(keys, keyLeft)
		}
		text = text[end+1:]
	}
	return keys
}
