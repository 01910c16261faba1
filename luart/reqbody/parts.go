package reqbody

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"strings"
)

const (
	// maxParts of a multipart body: a form of that many fields is no form any more. It is
	// what mime/multipart allows.
	maxParts = 1000

	// MaxPartHeaderBytes of one part: a file name of 255 bytes, escaped, takes 800.
	MaxPartHeaderBytes = 8 << 10

	// maxBoundaryBytes is RFC 2046's.
	maxBoundaryBytes = 70

	maxBoundaryPadding = 64 // spaces behind a boundary, which transports may have added
)

// Part is one part of a multipart body: where its bytes are in the body, and what its
// header says.
type Part struct {
	Header   textproto.MIMEHeader
	Name     string
	Filename string // without folders; "" for a field that is no file
	Offset   int64
	Size     int64
}

func malformed(format string, args ...any) error {
	return &Error{http.StatusBadRequest, "the multipart body is malformed: " + fmt.Sprintf(format, args...)}
}

// ScanParts returns the parts of a multipart/form-data body, in order. It reads r up to
// the closing boundary, and a bit beyond. It is strict where lenient servers differ: a
// script must not see other parts than the server behind it. The error is a *Error, or
// what reading r failed with.
func ScanParts(r io.Reader, boundary string) ([]Part, error) {
	// A line break before the body makes its first boundary look like all others.
	s := partScanner{
		r:     bufio.NewReaderSize(io.MultiReader(strings.NewReader("\r\n"), r), 32<<10),
		pos:   -2,
		delim: []byte("\r\n--" + boundary),
	}
	closing, err := s.toDelimiter()
	if err != nil {
		return nil, err
	}
	var parts []Part
	for !closing {
		if len(parts) == maxParts {
			return nil, &Error{http.StatusRequestEntityTooLarge, fmt.Sprintf("the multipart body has more than %d parts", maxParts)}
		}
		s.n = len(parts) + 1
		p, err := s.head()
		if err != nil {
			return nil, err
		}
		if closing, err = s.toDelimiter(); err != nil {
			return nil, err
		}
		p.Size = max(s.end-p.Offset, 0) // without content the blank line's break is the delimiter's
		parts = append(parts, p)
	}
	return parts, nil
}

// partScanner walks over a multipart body.
type partScanner struct {
	r     *bufio.Reader
	pos   int64 // of the reader, in the body
	delim []byte
	end   int64 // where the last delimiter begins
	n     int   // of the part, from 1
}

func (s *partScanner) skip(n int) {
	n, _ = s.r.Discard(n) // never more than was peeked
	s.pos += int64(n)
}

// toDelimiter goes behind the next delimiter, and its padding, and reports whether it is
// the closing one.
func (s *partScanner) toDelimiter() (closing bool, err error) {
	for {
		buf, err := s.r.Peek(s.r.Size())
		i := bytes.Index(buf, s.delim)
		if s.n == 0 { // before the first part many take a single LF for a line break
			if lf := bytes.Index(buf, s.delim[1:]); lf >= 0 && (i < 0 || lf != i+1) {
				return false, malformed("its first boundary comes after a single LF")
			}
		}
		switch {
		case i < 0 && err == nil:
			s.skip(len(buf) - len(s.delim) + 1)
			continue
		case i < 0 && errors.Is(err, io.EOF):
			if s.n == 0 {
				return false, malformed("the boundary that Content-Type names is not in it")
			}
			return false, malformed("it ends without the closing boundary")
		case i < 0:
			return false, err
		}
		s.skip(i)
		s.end = s.pos
		line, err := s.r.Peek(len(s.delim) + maxBoundaryPadding + 2)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		after := line[len(s.delim):]
		closing = bytes.HasPrefix(after, []byte("--"))
		if closing {
			after = after[2:]
		}
		rest := bytes.TrimLeft(after, " \t")
		switch {
		case bytes.HasPrefix(rest, []byte("\r\n")), closing && len(rest) == 0 && err != nil:
			s.skip(len(line) - len(rest))
			return closing, nil
		case len(after) == 0:
			return false, malformed("it ends without the closing boundary")
		case closing || strings.IndexByte(" \t\r\n-", after[0]) >= 0:
			return false, malformed("a line with the boundary has something else behind it")
		}
		s.skip(len(s.delim)) // a longer word: data
	}
}

// head reads the header of the next part, up to the break of the blank line behind it.
func (s *partScanner) head() (Part, error) {
	buf, err := s.r.Peek(2 + MaxPartHeaderBytes + 2)
	if err != nil && !errors.Is(err, io.EOF) {
		return Part{}, err
	}
	i := bytes.Index(buf, []byte("\r\n\r\n"))
	switch {
	case i < 0 && err != nil:
		return Part{}, malformed("it ends in the header of part %d", s.n)
	case i < 0:
		return Part{}, &Error{http.StatusRequestEntityTooLarge, fmt.Sprintf("the header of part %d of the multipart body is longer than %d bytes", s.n, MaxPartHeaderBytes)}
	case i == 0:
		return Part{}, malformed("part %d has no Content-Disposition", s.n)
	}
	p, err := s.parseHead(string(buf[2:i]))
	s.skip(i + 2)
	p.Offset = s.pos + 2
	return p, err
}

func (s *partScanner) parseHead(head string) (Part, error) {
	for line := range strings.SplitSeq(head, "\r\n") {
		if strings.ContainsAny(line, "\r\n\x00") {
			return Part{}, malformed("the header of part %d contains a single CR, LF or a NUL", s.n)
		}
	}
	h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(head + "\r\n\r\n"))).ReadMIMEHeader()
	if err != nil {
		return Part{}, malformed("the header of part %d: %v", s.n, err)
	}
	dispositions := h["Content-Disposition"]
	if len(dispositions) != 1 {
		return Part{}, malformed("part %d has %d Content-Disposition headers, not one", s.n, len(dispositions))
	}
	kind, params, err := mime.ParseMediaType(dispositions[0])
	switch {
	case err != nil:
		return Part{}, malformed("Content-Disposition of part %d: %v", s.n, err)
	case kind != "form-data":
		return Part{}, malformed("Content-Disposition of part %d is %q, not form-data", s.n, kind)
	}
	name, ok := params["name"]
	if !ok {
		return Part{}, malformed("part %d has no name", s.n)
	}
	return Part{Header: h, Name: name, Filename: lastName(params["filename"])}, nil
}

// lastName returns a client's file name without its folders. It is empty only if path is.
func lastName(path string) string {
	const separators = `/\`
	trimmed := strings.TrimRight(path, separators)
	if trimmed == "" {
		return path
	}
	return trimmed[strings.LastIndexAny(trimmed, separators)+1:]
}

// MultipartBoundary returns the boundary that a Content-Type names. The error is a *Error.
func MultipartBoundary(h http.Header) (string, error) {
	kind, params, err := mediaType(h)
	switch {
	case err != nil:
		return "", err
	case kind != typeMultipart:
		return "", unsupported("%q is not a multipart form", h.Get("Content-Type"))
	}
	boundary := params["boundary"]
	if boundary == "" || len(boundary) > maxBoundaryBytes || strings.ContainsAny(boundary, "\r\n\x00") || strings.HasSuffix(boundary, " ") {
		return "", &Error{http.StatusBadRequest, fmt.Sprintf("request body: the multipart boundary %q is not allowed", boundary)}
	}
	return boundary, nil
}
