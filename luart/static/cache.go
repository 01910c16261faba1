package static

import (
	"path"
	"strings"
)

// kind is what a file is, by its extension.
type kind struct {
	keep string // how long, where its name has no hash: one of the constants
	mime string // its type, where Go knows none or the system may say another; "": as Go says
}

// How long a file may be kept without asking.
const (
	ask       = "no-cache"                            // never: but to ask costs no body
	day       = "public, max-age=86400"               //
	immutable = "public, max-age=31536000, immutable" // with another content it has another name
)

// kinds are those of files on the web. Pages, data and code that has no hash in its name belong
// together: an old one of them with a new one of the others would not work.
var kinds = map[string]kind{
	".html": {ask, ""}, ".htm": {ask, ""}, ".json": {ask, ""}, ".xml": {ask, ""}, ".webmanifest": {ask, "application/manifest+json"},
	".css": {ask, ""}, ".js": {ask, ""}, ".mjs": {ask, ""}, ".map": {ask, "application/json"}, ".wasm": {ask, ""},
	".png": {day, ""}, ".jpg": {day, ""}, ".jpeg": {day, ""}, ".gif": {day, ""}, ".webp": {day, ""}, ".avif": {day, ""}, ".svg": {day, ""},
	".ico":  {day, "image/x-icon"},
	".woff": {day, "font/woff"}, ".woff2": {day, "font/woff2"}, ".ttf": {day, "font/ttf"}, ".otf": {day, "font/otf"},
	".txt": {day, "text/plain; charset=utf-8"}, ".csv": {day, "text/csv; charset=utf-8"}, ".md": {day, "text/markdown; charset=utf-8"},
	".mp4": {day, "video/mp4"}, ".webm": {day, "video/webm"}, ".mp3": {day, "audio/mpeg"}, ".ogg": {day, "audio/ogg"}, ".pdf": {day, ""},
}

func extension(name string) string { return strings.ToLower(path.Ext(name)) }

// ContentType returns the type of a file where nobody else may know it, "" else.
func ContentType(name string) string { return kinds[extension(name)].mime }

// CacheControl returns the header for a file of the mount.
func (f File) CacheControl(name string) string {
	cache := f.Cache
	if cache != "" {
		return cache // the script knows
	}
	k, known := kinds[extension(name)]
	switch {
	case !known:
		cache = day
	case hasHash(name) && extension(name) != ".html" && extension(name) != ".htm":
		cache = immutable
	default:
		cache = k.keep
	}
	if f.Private {
		cache = strings.Replace(cache, "public", "private", 1)
	}
	return cache
}

// hasHash reports whether a name has a hash of the content in it, as builds write it: app.3f2a1b9c.js,
// index-DiwrgT4a.js. A name that looks like one by accident would be kept for a year: a date, a
// version or a word is none.
func hasHash(name string) bool {
	name = path.Base(name)
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '-' || r == '_' })
	if len(parts) < 2 {
		return false
	}
	for _, part := range parts[:len(parts)-1] {
		if isHash(part) {
			return true
		}
	}
	return false
}

// isHash knows hexadecimal digits, at least 8 and both digits and letters, and the 8 characters of
// base 62 that have a digit in front of another character, and a capital.
func isHash(s string) bool {
	digits, small, capitals, hex := 0, 0, 0, 0
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			digits++
			hex++
		case c >= 'a' && c <= 'z':
			small++
			if c <= 'f' {
				hex++
			}
		case c >= 'A' && c <= 'Z':
			capitals++
		default:
			return false
		}
	}
	switch {
	case len(s) >= 8 && hex == len(s):
		return digits > 0 && small > 0
	case len(s) != 8 || capitals == 0:
		return false
	}
	return strings.ContainsAny(strings.TrimRight(s, "0123456789"), "0123456789")
}
