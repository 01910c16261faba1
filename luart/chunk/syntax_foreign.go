package chunk

import (
	"regexp"
	"strings"
)

// foreign is syntax of other languages that spans more than a token: what stands on the line, up to
// behind the token where Lua's parser gave up.
var foreign = []struct {
	line *regexp.Regexp
	hint string
}{
	{regexp.MustCompile(`^[^"'\[]*//$`), "Lua has no //: a comment begins with --"},
	{regexp.MustCompile(`^\s*(?:const|let|var)\s+\w+$`), "Lua writes local for const, let and var"},
	{regexp.MustCompile(`^\s*function\s+[\w.]+\(\s*["'][^"']*["']?$`), "the path of a route is in its name: function api.users.p_id.get(ctx) is GET /users/:id"},
	{regexp.MustCompile(`[{,]\s*[A-Za-z_]\w*\s*:\s*(?:"[^"]*"?|'[^']*'?|\d+|\{|true|false|nil)$`), "Lua writes = between name and value: { name = value }"},
}

// elseIf is an else with a block of its own, whose end is missing mostly.
var elseIf = regexp.MustCompile(`\belse[ \t]+if\b`)

// foreignHint looks at a line up to a column where a token begins, or ends, and at the rest of it.
func foreignHint(before, rest string) string {
	ends := before + rest[:1]
	if word := Word(rest); word != "" {
		ends = before + word
	}
	if strings.HasPrefix(rest, "//") {
		ends = before + "//"
	}
	for _, f := range foreign {
		if f.line.MatchString(before) || f.line.MatchString(ends) {
			return f.hint
		}
	}
	return ""
}
