package handler

import (
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// placeholders replaces global placeholders in values of options. One that is not known, or is empty,
// is an error: a guard that compares with a secret which nobody has set would let everybody in.
type placeholders struct {
	repl *caddy.Replacer
	test bool  // of a script, which says itself what it needs: they may be empty
	err  error // the first one
}

// isBlank reports whether a text is empty, or would be without white space.
func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// expand returns the text of an option without placeholders.
func (p *placeholders) expand(option, text string) string {
	if p.test {
		return p.repl.ReplaceAll(text, "")
	}
	out, err := p.repl.ReplaceOrErr(text, true, true)
	switch {
	case p.err != nil:
	case err != nil:
		p.err = fmt.Errorf("%s: %w: set it where Caddy runs; what is no secret may have a default, {$NAME:default}, which the Caddyfile replaces; "+
			"a brace that begins no placeholder is written \\{", option, err)
	case isBlank(out) && !isBlank(text):
		p.err = fmt.Errorf("%s: nothing but blanks comes of %s: set it where Caddy runs, or fill the file", option, text)
	}
	return out
}
