package handler

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

// placeholders replaces global placeholders in values of options. One that is not known, or is empty,
// is an error: a guard that compares with a secret which nobody has set would let everybody in.
type placeholders struct {
	repl *caddy.Replacer
	test bool  // of a script, which says itself what it needs: they may be empty
	err  error // the first one
}

// expand returns the text of an option without placeholders.
func (p *placeholders) expand(option, text string) string {
	if p.test {
		return p.repl.ReplaceAll(text, "")
	}
	out, err := p.repl.ReplaceOrErr(text, true, true)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("%s: %w: where it may be missing write {$NAME:default}, which the Caddyfile replaces; a brace that begins no placeholder is written \\{", option, err)
	}
	return out
}
