package reqbody

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// StrikeTrailers takes trailers away from r, those that are announced and those that come with
// the end of its body: names, and what no trailer may say (see forbidden). Who gets r may merge
// trailers into the headers, and would believe what a client sends behind the body. All names that
// programs could take for one of these go as well (see folded). A name with * at its begin or its end
// is all that end or begin so, as where Caddy deletes headers, and Undigested all but digests.
//
// r gets a map of its own, so that copies that were made of it keep theirs. Where r announces none
// there is nothing to do: net/http hands on no trailers then.
func StrikeTrailers(r *http.Request, names []string) {
	if r.Trailer == nil {
		return
	}
	t := &trailers{from: r.Trailer, left: make(http.Header, len(r.Trailer))}
	for _, name := range names {
		t.struck = append(t.struck, newNames(name))
	}
	t.fill()
	r.Trailer = t.left
	if _, whole := r.Body.(Rereadable); whole || r.Body == nil || r.Body == http.NoBody {
		return // they have come
	}
	r.Body = &struckBody{r.Body, t}
}

// trailers are what is left of the trailers of a request.
type trailers struct {
	struck     []struckNames
	from, left http.Header // as the server fills them in, and as others see them
}

func (t *trailers) fill() {
	clear(t.left)
	for name, values := range t.from {
		f := folded(name)
		if !forbidden(f) && !slices.ContainsFunc(t.struck, func(s struckNames) bool { return s.has(f) }) {
			t.left[name] = values
		}
	}
}

// Undigested, as a name for StrikeTrailers, stands for all but those that say a sum of the body: what
// they are for is known, and nobody takes them for who sends it.
const Undigested = "!digests"

// struckNames are the names that one of StrikeTrailers means.
type struckNames struct {
	name        string // folded
	begin, end  bool   // further characters may come before it, or behind it
	butNoDigest bool   // any name
}

func newNames(name string) struckNames {
	if name == Undigested {
		return struckNames{butNoDigest: true}
	}
	if strings.Trim(name, "*") == "" {
		return struckNames{begin: true, end: true}
	}
	s := struckNames{name: name}
	s.name, s.begin = strings.CutPrefix(s.name, "*")
	s.name, s.end = strings.CutSuffix(s.name, "*")
	s.name = folded(s.name)
	return s
}

func (s struckNames) has(folded string) bool {
	switch {
	case s.butNoDigest:
		return !isDigest(folded)
	case s.begin && s.end:
		return strings.Contains(folded, s.name)
	case s.begin:
		return strings.HasSuffix(folded, s.name)
	case s.end:
		return strings.HasPrefix(folded, s.name)
	}
	return folded == s.name
}

// isDigest reports whether a name, which is folded, is that of a sum (RFC 9530, RFC 3230, RFC 1864).
func isDigest(name string) bool {
	switch name {
	case "content-digest", "repr-digest", "digest", "content-md5":
		return true
	}
	return false
}

// struckBody fills in trailers at its end, within the Read that the server does so in.
type struckBody struct {
	io.ReadCloser
	trailers *trailers
}

func (b *struckBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF { //nolint:errorlint // as readers return it
		b.trailers.fill()
	}
	return n, err
}

// folded is a name as programs know it that get headers as variables: X-User, x_user and X.User are
// all HTTP_X_USER.
func folded(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			return c
		}
		return '-'
	}, name)
}

// forbidden reports whether no trailer may have that name, which is folded: it frames the message,
// says who sends it or from where, or how it is to be read (RFC 9110, 6.5.1).
func forbidden(name string) bool {
	switch name {
	case "cookie", "origin", "forwarded", "x-real-ip", "upgrade":
		return true
	}
	return strings.HasPrefix(name, "x-forwarded-") || !httpguts.ValidTrailerHeader(http.CanonicalHeaderKey(name))
}
