package auth

import "strings"

// claim returns a claim as it is written, by its name or by the names that lead to it, with dots
// between them: realm_access.roles. nil: there is none.
func (t *Token) claim(name string) []byte {
	if value := find(t.claims, name); value != nil {
		return value
	}
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
		if members, err = readObject(value); err != nil {
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

// Texts returns a claim that is a text, or a list of texts. None is empty. isText says which of the
// two it is.
func (t *Token) Texts(name string) (list []string, isText, ok bool) {
	written := t.claim(name)
	if written == nil || written[0] != '"' && written[0] != '[' {
		return nil, false, false
	}
	list, err := texts(written)
	if err != nil {
		return nil, false, false
	}
	for _, text := range list {
		if text == "" {
			return nil, false, false
		}
	}
	return list, written[0] == '"', true
}

// Has reports whether there is such a claim.
func (t *Token) Has(name string) bool { return t.claim(name) != nil }
