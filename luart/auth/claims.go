package auth

import (
	"bytes"
	"slices"
	"strings"
)

// claim returns a claim as it is written, by its name or by the names that lead to it, with dots
// between them: realm_access.roles. nil: there is none, or there are both, and who knows which counts.
func (t *Token) claim(name string) []byte {
	flat := find(t.claims, name)
	if strings.IndexByte(name, '.') < 0 {
		return flat
	}
	nested := t.nested(name)
	switch {
	case flat == nil && !slices.ContainsFunc(t.claims, func(m member) bool { return string(m.name) == name }):
		return nested
	case nested == nil:
		return flat
	}
	return nil
}

// nested returns a claim by the names that lead to it.
func (t *Token) nested(name string) []byte {
	members := t.claims
	for {
		step, rest, more := strings.Cut(name, ".")
		value := find(members, step)
		if !more || value == nil {
			return value
		}
		var err error
		if value[0] != '{' {
			return nil
		}
		if members, err = readObject(value, nil); err != nil {
			return nil // Read has read it
		}
		name = rest
	}
}

func find(members []member, name string) []byte {
	for _, m := range members {
		if string(m.name) == name && string(m.value) != "null" {
			return m.value
		}
	}
	return nil
}

// Text returns a claim that is a text, a number or a boolean, as a text.
func (t *Token) Text(name string) (value string, ok bool) {
	written := t.claim(name)
	if written == nil {
		return "", false
	}
	switch written[0] {
	case '{', '[':
		return "", false
	case '"':
		value, err := text(written)
		return value, err == nil
	}
	return string(written), true
}

// Names are what a claim names: it is a text, or a list of texts. None of them is empty.
type Names struct{ written []byte }

// Names returns a claim that names something. ok is false for any other claim, and for none.
func (t *Token) Names(name string) (n Names, ok bool) {
	written := t.claim(name)
	if written == nil {
		return Names{}, false
	}
	ok = true
	if err := eachText(written, func(text []byte) { ok = ok && len(text) > 0 }); err != nil || !ok {
		return Names{}, false
	}
	return Names{written}, true
}

// First returns the first of the names; "": there is none.
func (n Names) First() (first string) {
	n.each(func(name []byte) {
		if first == "" {
			first = string(name)
		}
	})
	return first
}

// Has reports whether a name is among them.
func (n Names) Has(name string) (found bool) {
	n.each(func(one []byte) { found = found || string(one) == name })
	return found
}

// HasWord is Has, but where they are one text, its words are the names, with spaces between them:
// RFC 8693 section 4.2.
func (n Names) HasWord(name string) (found bool) {
	if len(n.written) == 0 || n.written[0] != '"' {
		return n.Has(name)
	}
	n.each(func(words []byte) {
		for more := true; more && !found; {
			var word []byte
			word, words, more = bytes.Cut(words, []byte(" "))
			found = string(word) == name
		}
	})
	return found
}

func (n Names) each(do func(name []byte)) {
	if len(n.written) > 0 {
		_ = eachText(n.written, do) // Token.Names has read it
	}
}

// Has reports whether there is such a claim.
func (t *Token) Has(name string) bool { return t.claim(name) != nil }
