package lib

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Rule is what a library asks of the requests to a place and everything below: api.admin.auth{…}.
// It is asked in Go, before any function of the script runs, and also where the script has no
// route. Scope.AddRule makes it known. Any goroutine may call its methods.
type Rule interface {
	// Gives is the name under which ctx:get has what the rule learns of a request; "": it learns
	// nothing.
	Gives() string

	// Needs is the name of what another rule must have learnt before, at the place or further out;
	// "": it needs nothing. A script without such a rule is not loaded.
	Needs() string

	// Admit lets a request through, with what it has learnt, or says why not: the error is a
	// *RefusedError, or that of ctx. known is what Needs names; nil: nobody has learnt it. It may wait
	// for as long as ctx. The request is not to be changed, nor kept.
	Admit(ctx context.Context, r *http.Request, known Facts) (Facts, error)
}

// TokenRule is a Rule that wants a token: the document of the script says so.
type TokenRule interface {
	Rule
	Token() Token
}

// Token is what a rule asks of a token.
type Token struct {
	Header   string   // where it is; "": what Needs names says it
	Optional bool     // requests may come without
	Fetched  bool     // the keys that check it are got from elsewhere
	Scopes   []string // it needs all of these
	Roles    []string // it needs one of these; none: any will do
}

// IsHeaderValue reports whether a text gets to the next server as it is, as the value of a header. Blanks
// at its ends would be lost on the way.
func IsHeaderValue(text string) bool {
	return strings.Trim(text, " \t") == text &&
		!strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// Facts are what a rule has learnt of a request. They do not change.
type Facts interface {
	// Text returns one of them, for keys of limits and for placeholders. ok is false where there is
	// none of the name, or it is no text. Any goroutine may call it.
	Text(name string) (text string, ok bool)

	// Value makes a value for scripts of them. Only the holder may call it.
	Value(L *lua.LState) (lua.LValue, error)
}

// RefusedError says that a rule does not let a request through, and what the client gets.
type RefusedError struct {
	Status  int
	Message string
	Header  http.Header // in canonical form; nil: none
	Why     string      // for the log: the client does not see it
}

// Error is the message: the site's routes for errors may show it.
func (r *RefusedError) Error() string { return r.Message }

// Answer is what the client gets where no routes for errors answer.
func (r *RefusedError) Answer() (status int, header http.Header, body []byte) {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(map[string]string{"error": r.Message}) // a text never fails
	return r.Status, r.Header, []byte(strings.TrimSuffix(text.String(), "\n"))
}
