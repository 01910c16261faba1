package openapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Token is what a rule asks of a token that requests bring.
type Token struct {
	Header   string   // where it is, behind the word Bearer
	Optional bool     // requests may come without
	Fetched  bool     // the keys that check it are got from elsewhere, which may be down
	Scopes   []string // it needs all of these
	Roles    []string // it needs one of these; none: any will do
}

// restricts reports whether a good token may not do.
func (t Token) restricts() bool { return len(t.Scopes)+len(t.Roles) > 0 }

// authorization is the header that OpenAPI has a scheme for.
const authorization = "Authorization"

// secure adds which tokens an operation needs, as the rules say that cover it. Each is in a header of its
// own, and needs what any of them wants.
func (w *writer) secure(to *operation, tokens []Token) {
	if len(tokens) == 0 {
		return
	}
	needed, optional := map[string][]string{}, map[string][]string{}
	for _, t := range tokens {
		name := w.scheme(t.Header)
		switch _, known := needed[name]; {
		case known || !t.Optional:
			needed[name] = union(union(needed[name], optional[name]), t.Scopes)
			delete(optional, name)
		default:
			optional[name] = union(optional[name], t.Scopes)
		}
	}
	// One of the list has to hold. So an optional token is a way beside that without it.
	for _, name := range sortedKeys(optional) {
		way := map[string][]string{name: optional[name]}
		for needed, scopes := range needed {
			way[needed] = scopes
		}
		to.Security = append(to.Security, way)
	}
	to.Security = append(to.Security, needed)
	for _, text := range whatTokensNeed(tokens) {
		if to.Description != "" {
			to.Description += "\n\n"
		}
		to.Description += text
	}
}

// scheme returns the name of the scheme of tokens in a header.
func (w *writer) scheme(header string) string {
	if name, known := w.schemes[header]; known {
		return name
	}
	name := bearer
	if header != authorization {
		name = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
				return r
			}
			return '_'
		}, header)
	}
	unique := name
	for n := 2; w.security[unique] != nil; n++ {
		unique = name + "_" + strconv.Itoa(n)
	}
	w.schemes[header] = unique
	if header == authorization {
		w.security[unique] = map[string]any{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
	} else {
		w.security[unique] = map[string]any{
			"type": "apiKey", "in": "header", "name": header,
			"description": "The word Bearer, a space, and a token (JWT).",
		}
	}
	return unique
}

// whatTokensNeed are sentences for people about scopes, which clients for people seldom show, and about
// roles, one of which will do: OpenAPI has no words for that.
func whatTokensNeed(tokens []Token) (list []string) {
	for _, t := range tokens {
		subject := "The token"
		if t.Header != authorization {
			subject += " in " + code(t.Header)
		}
		add := func(text string, names []string) {
			var shown []string
			for _, name := range names {
				shown = append(shown, code(name))
			}
			if text = subject + " needs " + text + strings.Join(shown, ", ") + "."; len(names) > 0 && !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
		add(plural(t.Scopes, "the scope ", "the scopes "), t.Scopes)
		add(plural(t.Roles, "the role ", "one of the roles "), t.Roles)
	}
	return list
}

func plural(names []string, one, several string) string {
	if len(names) == 1 {
		return one
	}
	return several
}

// code is a text as code of Markdown, whatever is in it.
func code(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if !strings.Contains(text, "`") {
		return "`" + text + "`"
	}
	fence := "``"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fmt.Sprintf("%s %s %[1]s", fence, text)
}

// union is a and what of b is not in it, never nil: JSON shows it as a list.
func union(a, b []string) []string {
	a = append([]string{}, a...)
	for _, text := range b {
		if !slices.Contains(a, text) {
			a = append(a, text)
		}
	}
	return a
}
