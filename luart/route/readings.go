package route

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A request's path is read by everyone behind the script again, and servers read paths in
// different ways. A hook must cover a request if any of them finds its node there, so hooks are
// looked up with every reading of the path. Routes are not: they match the path as it came, and
// then every reading has to stay within the route (see leaving.go).
//
// A reading is what comes of some of the steps below, in any order. Each is one that a server
// in use takes: Caddy, nginx, Go, Node and other followers of the URL standard, Python, Tomcat.

// reading is a path as some server may read it.
type reading struct {
	path    string
	decodes int  // how often percent-encoding was removed
	dots    bool // dot segments were removed
}

// steps are the ways to read on. Each returns its argument where it finds nothing to do.
var steps = [...]struct {
	do      func(path string) string
	decodes int
	dots    bool
}{
	{do: func(p string) string { return unescape(p, false) }, decodes: 1},
	{do: func(p string) string { return unescape(p, true) }, decodes: 1},
	{do: func(p string) string { return strings.ReplaceAll(p, `\`, "/") }},
	{do: stripParameters},
	{do: mergeSlashes},
	{do: func(p string) string { return cutAt(p, "\x00") }},
	{do: func(p string) string { return cutAt(p, "?") }},
	{do: func(p string) string { return cutAt(p, "#") }},
	{do: dropAuthority},
	{do: removeDots, dots: true},
}

const (
	// maxDecodes is how often a chain of servers may remove percent-encoding: once each for a
	// proxy and for what is behind it.
	maxDecodes = 2

	// maxReadingBytes bounds the text of all readings of a path, and so the time for them, to
	// some 0.2 ms. A path of 8 KiB with escaped slashes needs 24 KiB; what needs more than this
	// was made to.
	maxReadingBytes = 64 << 10
)

// readings returns every reading of a URL's path, those with dot segments removed last. ok is
// false if there are too many.
func readings(u *url.URL) (list []reading, ok bool) {
	seen := map[string]bool{}
	total := 0
	add := func(r reading) {
		if r.decodes > maxDecodes || seen[r.path] {
			return
		}
		seen[r.path] = true
		list = append(list, r)
		total += len(r.path)
	}
	// The second is what the client has sent, where net/url encodes that in another way before
	// it sends it on.
	add(reading{path: u.EscapedPath()})
	if u.RawPath != "" {
		add(reading{path: u.RawPath})
	}
	add(reading{path: u.Path, decodes: 1})
	for _, dots := range []bool{false, true} {
		for i := 0; i < len(list); i++ {
			r := list[i]
			for _, s := range steps {
				if s.dots && !dots {
					continue
				}
				if p := s.do(r.path); p != r.path {
					add(reading{p, r.decodes + s.decodes, r.dots || s.dots})
				}
				if total > maxReadingBytes {
					return nil, false
				}
			}
		}
	}
	return list, true
}

// oneReading reports whether all servers read a path that has no escapes in one way, but for
// the case of letters; folded says that case cannot matter either.
func oneReading(path string) (one, folded bool) {
	folded = true
	prev := byte(0)
	for i := 0; i < len(path); i++ {
		c := path[i]
		switch pathBytes[c] {
		case oddByte:
			return false, false
		case foldByte:
			folded = false
		case slashByte:
			if prev == '/' || mayEndBlank(prev) { // an empty segment, or another form of one
				return false, false
			}
		}
		prev = c
	}
	return !mayEndBlank(prev), folded
}

// mayEndBlank reports whether cutBlank may have something to do where a byte comes last. That is
// so behind any character that is not ASCII.
func mayEndBlank(b byte) bool { return b == '.' || b == ' ' || b >= 0x80 }

type byteKind uint8

const (
	plainByte byteKind = iota
	foldByte           // of a letter that has another case, perhaps
	slashByte
	oddByte // that some servers take for something else
)

var pathBytes = func() (kinds [256]byteKind) {
	for c := range kinds {
		switch {
		case c >= 0x80, 'A' <= c && c <= 'Z':
			kinds[c] = foldByte
		}
	}
	for c := range byte(' ') {
		kinds[c] = oddByte
	}
	kinds['/'] = slashByte
	for _, c := range []byte("\\%;?#\x00") {
		kinds[c] = oddByte
	}
	return kinds
}()

// fold makes paths equal that differ by case only, at least where strings.ToLower does, which
// is how Caddy's path matcher compares.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return strings.ToLower(strings.ToUpper(strings.ToLower(s)))
		}
	}
	return strings.ToLower(s)
}

// forms calls yield for the names of a segment, folded, that a server may look for: its escapes
// kept or removed, its parameters (;v=1) too, and what may be as if it were not there at its end: see
// cutBlank.
func forms(seg string, yield func(name string)) {
	var done [8]string
	n := 0
	for i := range 8 {
		s := seg
		if i&1 != 0 {
			s = unescape(s, false)
		}
		if i&2 != 0 {
			s, _, _ = strings.Cut(s, ";")
		}
		if i&4 != 0 {
			s = cutBlank(s)
		}
		s = fold(s)
		known := false
		for _, have := range done[:n] {
			known = known || have == s
		}
		if !known {
			done[n] = s
			n++
			yield(s)
		}
	}
}

// cutBlank removes dots and blanks from the end of a name. File systems of Windows pass over dots and
// spaces there. In the regular expressions of Perl and Python, which nginx and Django find a place
// by, $ is also before a line feed that comes last. What trims texts (Python, JavaScript, Java) has all
// that Unicode calls a space, and the bytes 85 and A0 of Latin-1.
func cutBlank(s string) string {
	for s != "" {
		c, size := utf8.DecodeLastRuneInString(s)
		switch last := s[len(s)-1]; {
		case c == utf8.RuneError && size == 1 && (last == 0x85 || last == 0xA0):
		case c == '.' || c == '\ufeff' || c <= ' ' || c != utf8.RuneError && unicode.IsSpace(c):
		default:
			return s
		}
		s = s[:len(s)-size]
	}
	return s
}

// unescape removes percent-encoding, keeping what is none; keepSlash keeps %2F, as servers do
// that take an escaped slash for a part of a name.
func unescape(s string, keepSlash bool) string {
	i := strings.IndexByte(s, '%')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for ; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi >= 0 && lo >= 0 && (!keepSlash || hi<<4|lo != '/') {
				c = byte(hi<<4 | lo)
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// stripParameters removes ;name=value from each segment, as Java servers do.
func stripParameters(p string) string {
	if strings.IndexByte(p, ';') < 0 {
		return p
	}
	segments := strings.Split(p, "/")
	for i, seg := range segments {
		segments[i], _, _ = strings.Cut(seg, ";")
	}
	return strings.Join(segments, "/")
}

func mergeSlashes(p string) string {
	if !strings.Contains(p, "//") {
		return p
	}
	b := make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		if p[i] != '/' || i == 0 || p[i-1] != '/' {
			b = append(b, p[i])
		}
	}
	return string(b)
}

// cutAt ends a path where it ends for a server that reads it as a C string (NUL), or that reads
// a decoded path as a URL.
func cutAt(p, end string) string {
	p, _, _ = strings.Cut(p, end)
	return p
}

// dropAuthority reads //host/path as a URL without a scheme, as servers do that resolve the
// target against a base.
func dropAuthority(p string) string {
	if !strings.HasPrefix(p, "//") {
		return p
	}
	_, rest, _ := strings.Cut(strings.TrimLeft(p, "/"), "/")
	return "/" + rest
}

// removeDots removes dot segments as RFC 3986 says: an empty segment counts as one.
func removeDots(p string) string {
	if !strings.Contains(p, "/.") {
		return p
	}
	segments := strings.Split(p, "/")
	kept := segments[:0:0]
	for i, seg := range segments {
		last := i == len(segments)-1
		switch {
		case seg != "." && seg != "..":
			kept = append(kept, seg)
			continue
		case seg == ".." && len(kept) > 1:
			kept = kept[:len(kept)-1]
		}
		if last {
			kept = append(kept, "")
		}
	}
	return strings.Join(kept, "/")
}
