package luaval

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Quote writes a string as Lua reads it, on one line.
func Quote(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1, r < 0x20, r == 0x7f:
			fmt.Fprintf(&out, `\%03d`, s[i])
		case r == '"', r == '\\':
			out.WriteByte('\\')
			fallthrough
		default:
			out.WriteString(s[i : i+size])
		}
	}
	out.WriteByte('"')
	return out.String()
}

// PathOfKey is the step of a path that a string key makes.
func PathOfKey(key string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	switch {
	case len(key) > MaxPathKeyBytes:
		return fmt.Sprintf("[%q...]", key[:MaxPathKeyBytes])
	case key != "" && strings.Contains(letters, key[:1]) && strings.Trim(key, letters+"0123456789") == "":
		return "." + key
	}
	return fmt.Sprintf("[%q]", key)
}

// MaxPathKeyBytes is where a key is cut in an error's path: keys may come from a request.
const MaxPathKeyBytes = 40

// Shown is a token as messages show it: its beginning, on one line.
func Shown(token string) string {
	const longest = 40
	if len(token) > longest {
		token = token[:longest] + "..."
	}
	quoted := strconv.Quote(token)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
