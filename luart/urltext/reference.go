package urltext

import "strings"

// EscapeReference escapes the bytes of a URL, absolute or not, that no URL has: spaces, what is not
// ASCII, quotes, and a backslash, which browsers take for a slash. What is escaped stays as it is, and a
// percent sign that begins no escape becomes %25.
func EscapeReference(text string) string {
	var b strings.Builder
	kept := 0
	for i := range len(text) {
		c := text[i]
		bad := c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 ||
			c == '%' && (i+2 >= len(text) || !IsHex(text[i+1]) || !IsHex(text[i+2]))
		if bad {
			b.WriteString(text[kept:i])
			b.WriteString(escapeByte(c))
			kept = i + 1
		}
	}
	if kept == 0 {
		return text
	}
	return b.String() + text[kept:]
}
