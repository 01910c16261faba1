package environ

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// MaxFileBytes bounds a file of variables.
const MaxFileBytes = 1 << 20

// Variable is one of a file.
type Variable struct{ Name, Value string }

// ReadFile reads lines of NAME=value, as Caddy's --envfile takes them. A value may be in quotes:
// single ones take all as it is, in double ones \n, \", \\ and \$ are escapes. Without quotes spaces
// around the value, and a # behind a space with what follows, do not count. Lines that are empty or
// begin with # say nothing, and export may stand in front of a name. Nothing is expanded. Of a name
// that is there twice the error says so, and where.
func ReadFile(r io.Reader, file string) (list []Variable, err error) {
	limited := &io.LimitedReader{R: r, N: MaxFileBytes + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, MaxFileBytes+1)
	first := map[string]int{}
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(strings.TrimPrefix(name, "export "))
		if !ok || !IsName(name) {
			return nil, fmt.Errorf("%s:%d: NAME=value expected", file, n)
		}
		if at := first[name]; at > 0 {
			return nil, fmt.Errorf("%s:%d: %s is there already, in line %d", file, n, name, at)
		}
		first[name] = n
		if value, ok = unquote(strings.TrimSpace(value)); !ok {
			return nil, fmt.Errorf("%s:%d: %s: the value does not end with its quote", file, n, name)
		}
		list = append(list, Variable{name, value})
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("%s is longer than %d bytes", file, MaxFileBytes)
	}
	return list, lines.Err()
}

// unquote returns what a value means; false: its quote does not end, or something follows it.
func unquote(value string) (string, bool) {
	if value == "" || value[0] != '"' && value[0] != '\'' {
		for i := range len(value) {
			if value[i] == '#' && (i == 0 || value[i-1] == ' ' || value[i-1] == '\t') {
				value = strings.TrimSpace(value[:i])
				break
			}
		}
		return value, true
	}
	quote := value[0]
	var text strings.Builder
	for i := 1; i < len(value); i++ {
		switch c := value[i]; {
		case c == quote:
			rest := strings.TrimSpace(value[i+1:])
			return text.String(), rest == "" || rest[0] == '#'
		case c == '\\' && quote == '"' && i+1 < len(value) && strings.IndexByte(`n"\$`, value[i+1]) >= 0:
			i++
			if value[i] == 'n' {
				text.WriteByte('\n')
				continue
			}
			text.WriteByte(value[i])
		default:
			text.WriteByte(c)
		}
	}
	return "", false
}
