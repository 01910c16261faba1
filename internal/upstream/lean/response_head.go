package lean

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// readHead reads the head of a response to a request: the Body that it leaves is nil where parseHead
// has read the head, into usual, and the caller's to make. It returns what http.ReadResponse does.
func readHead(br *bufio.Reader, req *http.Request, usual *http.Response) (*http.Response, error) {
	b, err := br.Peek(1)
	if len(b) == 0 {
		return nil, err
	}
	b, _ = br.Peek(br.Buffered())
	if end := bytes.Index(b, []byte("\r\n\r\n")); end >= 0 {
		if parseHead(b[:end+2], req, usual) {
			_, err := br.Discard(end + 4)
			return usual, err
		}
	}
	// Nobody but http.ReadResponse waits for the rest of a head: it knows where one ends whose lines
	// end with LF alone, and what can be none any more.
	return http.ReadResponse(br, req)
}

// parseHead reads the usual head of a response: its lines end with CR LF, and how long its body is
// follows from at most one Content-Length, or it is chunked. Others are for http.ReadResponse: the result
// is false, also for those that it refuses. b ends before the empty line.
func parseHead(b []byte, req *http.Request, resp *http.Response) bool {
	const proto = "HTTP/1.1"
	text := string(b) // what follows are parts of it
	line, rest, ok := cutLine(text)
	// A status of three digits, no informational one, and a reason if there is a space behind.
	if !ok || len(line) < len(proto)+4 || line[:len(proto)+1] != proto+" " || !printable(line) {
		return false
	}
	status := line[len(proto)+1:]
	if status[0] < '2' || status[0] > '9' || !digit(status[1]) || !digit(status[2]) || len(status) > 3 && status[3] != ' ' {
		return false
	}
	*resp = http.Response{
		Status: status, StatusCode: int(status[0]-'0')*100 + int(status[1]-'0')*10 + int(status[2]-'0'),
		Proto: proto, ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: -1,
	}
	lines := strings.Count(rest, "\n")
	resp.Header = make(http.Header, lines)
	values := make([]string, lines)
	for rest != "" {
		if line, rest, ok = cutLine(rest); !ok {
			return false
		}
		name, value, ok := cutField(line)
		if !ok {
			return false
		}
		switch name {
		case "Content-Length":
			n, ok := parseLength(value)
			if !ok || resp.ContentLength >= 0 {
				return false
			}
			resp.ContentLength = n
		case "Transfer-Encoding":
			if resp.TransferEncoding != nil || !strings.EqualFold(value, "chunked") {
				return false
			}
			resp.TransferEncoding = []string{"chunked"}
			continue // it is not among the headers
		case "Trailer", "Pragma":
			return false
		case "Connection":
			if !strings.EqualFold(value, "keep-alive") {
				return false
			}
		}
		if had := resp.Header[name]; had != nil {
			resp.Header[name] = append(had, value)
			continue
		}
		values[0] = value
		resp.Header[name], values = values[:1:1], values[1:]
	}
	bodyless := req.Method == http.MethodHead || resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified
	switch {
	case resp.TransferEncoding != nil:
		return !bodyless && resp.ContentLength < 0
	case req.Method == http.MethodHead: // Content-Length is that of the answer to a GET
	case bodyless:
		resp.ContentLength = 0
	case resp.ContentLength < 0: // it ends when the connection does
		return false
	}
	return true
}

// cutLine cuts a line off that ends with CR LF.
func cutLine(text string) (line, rest string, ok bool) {
	i := strings.IndexByte(text, '\n')
	if i < 1 || text[i-1] != '\r' {
		return "", "", false
	}
	return text[:i-1], text[i+1:], true
}

// cutField returns the name of a header in its canonical form, and its value.
func cutField(line string) (name, value string, ok bool) {
	i := strings.IndexByte(line, ':')
	if i < 1 {
		return "", "", false
	}
	canonical, upper := true, true
	for _, c := range []byte(line[:i]) {
		switch {
		case 'a' <= c && c <= 'z':
			canonical = canonical && !upper
		case 'A' <= c && c <= 'Z':
			canonical = canonical && upper
		case !digit(c) && c != '-' && c != '_':
			return "", "", false
		}
		upper = c == '-'
	}
	name = line[:i]
	if !canonical {
		name = textproto.CanonicalMIMEHeaderKey(name)
	}
	value = strings.Trim(line[i+1:], " \t")
	return name, value, printable(value)
}

// printable reports whether there is no control byte but tabs in a text.
func printable(text string) bool {
	for _, c := range []byte(text) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// parseLength reads a Content-Length.
func parseLength(text string) (int64, bool) {
	for _, c := range []byte(text) {
		if !digit(c) {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// bodyless reports whether the response that parseHead has read has no body.
func bodyless(resp *http.Response) bool {
	return resp.ContentLength == 0 || resp.Request.Method == http.MethodHead
}

// closes reports whether the body of a response that http.ReadResponse has read goes on until the
// connection ends.
func closes(resp *http.Response) bool {
	return resp.Close || resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && resp.Body != http.NoBody
}
