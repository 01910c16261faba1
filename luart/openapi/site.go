package openapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Site is a document as the script's own site has it: for those who have a token.
type Site struct {
	prefix string
	token  [sha256.Size]byte
	locked bool // there is no token: nobody has it
	open   bool // nobody needs one
}

// DefaultPrefix is where a site has its document that does not say it.
const DefaultPrefix = "/_rover"

// TokenHeader is where a token may be, beside Authorization.
const TokenHeader = "X-Rover-Management-Token"

// MinToken is how many bytes a token has: so many nobody guesses.
const MinToken = 16

// NewSite returns a document below a prefix. token may be empty: then nobody gets it, unless it is open
// to all.
func NewSite(prefix, token string, open bool) *Site {
	return &Site{prefix, sha256.Sum256([]byte(token)), token == "", open}
}

// Locked reports whether nobody gets the document.
func (s *Site) Locked() bool { return s.locked && !s.open }

// Page is what of a site a request asks for.
type Page int

// What there is.
const (
	NoPage Page = iota
	HTMLPage
	JSONPage
)

// Paths are those of the pages.
func (s *Site) Paths() []string { return []string{s.prefix + "/docs", s.prefix + "/openapi.json"} }

// Asked returns what a URL names, to the byte. s may be nil.
func (s *Site) Asked(u *url.URL) Page {
	if s == nil || u.RawPath != "" {
		return NoPage
	}
	switch rest, below := strings.CutPrefix(u.Path, s.prefix); {
	case below && rest == "/docs":
		return HTMLPage
	case below && rest == "/openapi.json":
		return JSONPage
	}
	return NoPage
}

// Serve answers with a page. document is asked for it only where the client may have it.
func (s *Site) Serve(w http.ResponseWriter, r *http.Request, page Page, document func() ([]byte, error)) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Type", jsonType)
	if !s.admits(r) {
		header.Set("WWW-Authenticate", "Bearer")
		answer(w, r, http.StatusUnauthorized, []byte(`{"error":"Management endpoint requires auth token"}`))
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		answer(w, r, http.StatusMethodNotAllowed, []byte(`{"error":"Method not allowed"}`))
		return
	}
	text, err := document()
	if err == nil && page == HTMLPage {
		text, err = html(text)
	}
	if err != nil {
		answer(w, r, http.StatusInternalServerError, []byte(`{"error":"the document cannot be made"}`))
		return
	}
	if page == HTMLPage {
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Frame-Options", "DENY")
	}
	answer(w, r, http.StatusOK, text)
}

func answer(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has left is not told
	}
}

// admits reports whether a request has the token: once, in one of the two headers. It takes as long for
// a wrong one as for the right one.
func (s *Site) admits(r *http.Request) bool {
	if s.open {
		return true
	}
	bearers, tokens := r.Header["Authorization"], r.Header[TokenHeader]
	if s.locked || len(bearers)+len(tokens) != 1 {
		return false
	}
	var given string
	if len(tokens) == 1 {
		given = tokens[0]
	} else {
		scheme, token, _ := strings.Cut(bearers[0], " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return false
		}
		given = token
	}
	sum := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}
