package lean

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// framing says how a request's body is sent.
type framing struct {
	length  int64 // of a body of known length; 0: there is none
	chunked bool
	unknown bool // it is to be looked first whether there is any: see probe
}

// framingOf returns how the body of a request is sent, and false for a request that says what it must
// not.
func framingOf(req *http.Request) (framing, bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return framing{}, true
	}
	if len(req.TransferEncoding) > 0 {
		return framing{chunked: true}, len(req.TransferEncoding) == 1 && req.TransferEncoding[0] == "chunked"
	}
	if req.ContentLength > 0 {
		return framing{length: req.ContentLength}, true
	}
	switch req.Method {
	case http.MethodConnect:
		return framing{}, false
	case "", http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions, "PROPFIND", "SEARCH":
		return framing{chunked: true, unknown: true}, true
	}
	return framing{chunked: true}, true
}

// appendHead appends the head of a request, byte for byte as http.Transport writes it. extra are
// lines for its end. The error is for what http.Transport refuses.
func appendHead(b []byte, req *http.Request, body framing, extra string) ([]byte, error) {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	host, err := cleanHost(host)
	if err != nil {
		return b, err
	}
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	if !httpguts.ValidHeaderFieldName(method) { // a token, too
		return b, fmt.Errorf("invalid method %q", method)
	}
	b = append(b, method...)
	b = append(b, ' ')
	from := len(b)
	b = appendTarget(b, req, host)
	for _, c := range b[from:] {
		if c < ' ' || c == 0x7f {
			return b, fmt.Errorf("a control character in the URL %q", b[from:])
		}
	}
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, host...)
	b = append(b, "\r\n"...)

	agent := "Go-http-client/1.1"
	if given, ok := req.Header["User-Agent"]; ok {
		if agent = ""; len(given) > 0 {
			agent = given[0]
		}
	}
	if agent != "" { // a blank one is sent
		b = appendField(b, "User-Agent", trim(agent))
	}
	if req.Close && !httpguts.HeaderValuesContainsToken(req.Header["Connection"], "close") {
		b = append(b, "Connection: close\r\n"...)
	}
	switch {
	case body.chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case body.length > 0 || method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, body.length, 10)
		b = append(b, "\r\n"...)
	}
	if b, err = appendHeader(b, req.Header); err != nil {
		return b, err
	}
	b = append(b, extra...)
	return append(b, "\r\n"...), nil
}

// appendTarget appends what req.URL.RequestURI returns, or the host of a CONNECT.
func appendTarget(b []byte, req *http.Request, host string) []byte {
	u := req.URL
	switch {
	case req.Method == http.MethodConnect && u.Path == "":
		if u.Opaque != "" {
			return append(b, u.Opaque...)
		}
		return append(b, host...)
	case strings.HasPrefix(u.Opaque, "//"):
		b = append(append(append(b, u.Scheme...), ':'), u.Opaque...)
	case u.Opaque != "":
		b = append(b, u.Opaque...)
	default:
		path := u.EscapedPath()
		if path == "" {
			path = "/"
		}
		b = append(b, path...)
	}
	if u.ForceQuery || u.RawQuery != "" {
		b = append(append(b, '?'), u.RawQuery...)
	}
	return b
}

// appendHeader appends the headers of a request by their names, but those that appendHead writes.
func appendHeader(b []byte, header http.Header) ([]byte, error) {
	var few [32]string
	names := few[:0]
	for name, values := range header {
		if !httpguts.ValidHeaderFieldName(name) {
			return b, fmt.Errorf("invalid header field name %q", name)
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return b, fmt.Errorf("invalid header field value for %q", name) // it may be a secret
			}
		}
		switch name {
		case "Host", "User-Agent", "Content-Length", "Transfer-Encoding", "Trailer":
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range header[name] {
			b = appendField(b, name, trim(v))
		}
	}
	return b, nil
}

func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

// trim removes what http.Header.Write removes: a valid value has no line ends.
func trim(value string) string { return strings.Trim(value, " \t") }

// cleanHost returns what the header Host of a request says.
func cleanHost(host string) (string, error) {
	if plainHost(host) {
		return host, nil
	}
	host, err := httpguts.PunycodeHostPort(host)
	if err != nil {
		return "", err
	}
	if !httpguts.ValidHostHeader(host) {
		return "", nil // as http.Request.Write does: an empty one is valid, an altered one is not
	}
	return removeZone(host), nil
}

// plainHost reports whether a host needs no cleaning.
func plainHost(host string) bool {
	for _, c := range []byte(host) {
		if !digit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '.' && c != '-' && c != ':' {
			return false
		}
	}
	return true
}

// removeZone removes the zone of an IPv6 address, which means nothing elsewhere.
func removeZone(host string) string {
	end := strings.LastIndex(host, "]")
	if !strings.HasPrefix(host, "[") || end < 0 {
		return host
	}
	zone := strings.LastIndex(host[:end], "%")
	if zone < 0 {
		return host
	}
	return host[:zone] + host[end:]
}
