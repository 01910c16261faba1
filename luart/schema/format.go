package schema

import (
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Format is what a string is to be in the syntax of.
type Format uint8

const (
	NoFormat Format = iota
	Email
	UUID
	URL
)

var formatNames = [...]string{"", "email", "uuid", "url"}

// String is the name of a format, as scripts write it.
func (f Format) String() string { return formatNames[f] }

// Article is what a text of the format is called in a sentence.
func (f Format) Article() string {
	return [...]string{"a string", "an email address", "a UUID", "an http or https URL"}[f]
}

// Match reports whether a text is in the format, and can be read in one way only.
func (f Format) Match(text string) bool {
	switch f {
	case Email:
		return isEmail(text)
	case UUID:
		return len(text) == len("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx") && uuid.Validate(text) == nil
	case URL:
		return isURL(text)
	}
	return true
}

// Bounds of RFC 5321 (4.5.3.1), and of URLs that servers take.
const (
	maxEmailBytes = 254
	maxLocalBytes = 64
	MaxURLBytes   = 2048
)

// isEmail takes what net/mail does, without a name, comments, quotes, a bare IP address, and other
// letters than those of ASCII: mail servers read those in different ways.
func isEmail(text string) bool {
	if len(text) > maxEmailBytes || strings.ContainsFunc(text, isUnusual) {
		return false
	}
	at := strings.LastIndexByte(text, '@')
	if at < 1 || at > maxLocalBytes || !isHostname(text[at+1:]) || strings.HasSuffix(text, ".") {
		return false
	}
	if _, err := netip.ParseAddr(text[at+1:]); err == nil {
		return false
	}
	a, err := mail.ParseAddress(text)
	return err == nil && a.Name == "" && a.Address == text
}

// isURL takes absolute URLs of the web whose host everybody reads alike: without a user, which stands
// where people look for the host.
func isURL(text string) bool {
	if len(text) > MaxURLBytes || strings.ContainsFunc(text, isUnusual) || strings.ContainsAny(text, `\"<>^`+"`{|}") {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Opaque != "" {
		return false
	}
	if strings.ContainsRune(u.Host, '%') || strings.ContainsRune(u.Host, '@') { // of the network it is on; url has unescaped it
		return false
	}
	if _, err := url.QueryUnescape(u.RawQuery); err != nil {
		return false
	}
	if strings.HasSuffix(u.Host, ":") || !isPort(u.Port()) {
		return false
	}
	host := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		ip, err := netip.ParseAddr(host)
		return err == nil && ip.Is6()
	}
	return isHostname(host)
}

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// isHostname takes names of RFC 1123, one of which may be an IPv4 address: but one that is only nearly
// so (127.1, 0x7f.1) is an address to some, and a name to others.
func isHostname(host string) bool {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	if len(host) > 253 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
				return false
			}
		}
	}
	if last := labels[len(labels)-1]; last[0] >= '0' && last[0] <= '9' {
		ip, err := netip.ParseAddr(host)
		return err == nil && ip.Is4()
	}
	return true
}

// isUnusual reports whether r is no visible letter of ASCII.
func isUnusual(r rune) bool { return r <= ' ' || r >= 0x7f }
