package reqbody

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
)

const (
	// maxParts of a multipart body: a form of that many fields is no form any more. It is
	// what mime/multipart allows.
	maxParts = 1000

	// MaxPartHeaderBytes of one part: a file name of 255 bytes, escaped, takes 800.
	MaxPartHeaderBytes = 8 << 10
)

// Part is one part of a multipart body: where its bytes are in the body, and what its
// header says.
type Part struct {
	Header   textproto.MIMEHeader
	Name     string
	Filename string // without folders; "" for a field that is no file
	Offset   int64
	Size     int64

	noName bool // some take it for a file: its file name is empty, or its type is that of files
}

func malformed(format string, args ...any) error {
	return &Error{http.StatusBadRequest, "the multipart body is malformed: " + fmt.Sprintf(format, args...)}
}

// ambiguous is the error about a body that servers read in different ways.
func ambiguous(format string, args ...any) error {
	return &Error{http.StatusBadRequest, "the multipart body can be read in several ways: " + fmt.Sprintf(format, args...)}
}

// ScanParts returns the parts of a multipart/form-data body, in order. It reads r to its end.
//
// A script must not see other parts than the server behind it, and servers find parts in many ways: by
// the boundary with CRLF, LF or CR in front of it, or wherever it stands; with blanks behind it, or
// anything; behind the closing boundary, too. So the boundary, with its two dashes, stands nowhere but
// where all of them see it, and nothing is around the parts. The error is a *Error, or what reading r
// failed with.
func ScanParts(r io.Reader, boundary string) ([]Part, error) {
	// A line break before the body makes its first boundary look like all others.
	s := partScanner{
		r:    bufio.NewReaderSize(io.MultiReader(bytes.NewReader(lineBreak), r), 32<<10),
		pos:  -int64(len(lineBreak)),
		mark: []byte("--" + boundary),
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	var parts []Part
	for {
		end, closing, err := s.toDelimiter()
		if err != nil {
			return nil, err
		}
		if s.n > 0 {
			p := &parts[s.n-1]
			if p.Size = end - p.Offset; p.Size < 0 {
				return nil, ambiguous("part %d has no line break between its header and the boundary", s.n)
			}
			if err := p.checkSize(s.n); err != nil {
				return nil, err
			}
		}
		if closing {
			return parts, s.toEnd()
		}
		if len(parts) == maxParts {
			return nil, &Error{http.StatusRequestEntityTooLarge, fmt.Sprintf("the multipart body has more than %d parts", maxParts)}
		}
		s.n++
		p, err := s.head()
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
}

// checkSize compares what is said of the content of a part with how long it is.
func (p *Part) checkSize(n int) error {
	if said, ok := p.Header["Content-Length"]; ok && said[0] != strconv.FormatInt(p.Size, 10) {
		return ambiguous("part %d has the Content-Length %q and %d bytes", n, said[0], p.Size)
	}
	if p.noName && p.Size > 0 { // an empty one is sent if no file has been chosen
		return ambiguous("part %d is a file without a name, or a field", n)
	}
	return nil
}

var lineBreak = []byte("\r\n")

// partScanner walks over a multipart body.
type partScanner struct {
	r    *bufio.Reader
	pos  int64  // of the reader, in the body
	mark []byte // the boundary, with the dashes in front of it
	n    int    // of the part, from 1
}

func (s *partScanner) skip(n int) {
	n, _ = s.r.Discard(n) // never more than was peeked
	s.pos += int64(n)
}

// peek returns the next n bytes, or fewer at the end.
func (s *partScanner) peek(n int) (buf []byte, ended bool, err error) {
	buf, err = s.r.Peek(n)
	if errors.Is(err, io.EOF) {
		return buf, true, nil
	}
	return buf, false, err
}

// begin goes to the first boundary, with a line break in front of it, which some clients send.
func (s *partScanner) begin() error {
	buf, _, err := s.peek(2*len(lineBreak) + len(s.mark))
	if err != nil {
		return err
	}
	if bytes.HasPrefix(buf[len(lineBreak):], lineBreak) {
		buf = buf[len(lineBreak):]
		s.skip(len(lineBreak))
	}
	if !bytes.HasPrefix(buf[len(lineBreak):], s.mark) {
		return malformed("it does not begin with the boundary that Content-Type names")
	}
	return nil
}

// toDelimiter goes behind the next boundary and returns where the line break in front of it
// is, and whether it is the closing one.
func (s *partScanner) toDelimiter() (end int64, closing bool, err error) {
	for {
		buf, ended, err := s.peek(s.r.Size())
		if err != nil {
			return 0, false, err
		}
		i := bytes.Index(buf, s.mark)
		switch {
		case i < 0 && ended:
			return 0, false, malformed("it ends without the closing boundary")
		case i < 0: // a part of the boundary may have come, and of the line break in front of it
			s.skip(len(buf) - len(s.mark) - len(lineBreak) + 1)
			continue
		case !bytes.HasSuffix(buf[:i], lineBreak):
			return 0, false, ambiguous("the boundary stands in part %d, without CRLF in front of it", s.n)
		}
		s.skip(i - len(lineBreak))
		end = s.pos
		s.skip(len(lineBreak) + len(s.mark))
		buf, _, err = s.peek(2)
		switch {
		case err != nil:
			return 0, false, err
		case bytes.Equal(buf, lineBreak): // which the header begins behind
			return end, false, nil
		case string(buf) == "--":
			s.skip(2)
			return end, true, nil
		case len(buf) == 0:
			return 0, false, malformed("it ends without the closing boundary")
		}
		return 0, false, ambiguous("a line with the boundary has something else behind it")
	}
}

// toEnd reads what follows the closing boundary: the end of its line, blanks and line breaks.
func (s *partScanner) toEnd() error {
	for inLine := true; ; {
		buf, ended, err := s.peek(s.r.Size())
		if err != nil {
			return err
		}
		rest := buf
		if inLine {
			rest = bytes.TrimLeft(buf, " \t")
			switch {
			case len(rest) == 1 && !ended:
				s.skip(len(buf) - 1)
				continue
			case bytes.HasPrefix(rest, lineBreak):
				inLine = false
			case len(rest) > 0:
				return ambiguous("something follows the closing boundary")
			}
		}
		if len(bytes.Trim(rest, " \t\r\n")) > 0 {
			return ambiguous("something follows the closing boundary")
		}
		if ended {
			return nil
		}
		s.skip(len(buf))
	}
}

// head reads the header of the next part, up to the break of the blank line behind it.
func (s *partScanner) head() (Part, error) {
	buf, ended, err := s.peek(2 + MaxPartHeaderBytes + 2)
	if err != nil {
		return Part{}, err
	}
	i := bytes.Index(buf, []byte("\r\n\r\n"))
	switch {
	case i < 0 && ended:
		return Part{}, malformed("it ends in the header of part %d", s.n)
	case i < 0:
		return Part{}, &Error{http.StatusRequestEntityTooLarge, fmt.Sprintf("the header of part %d of the multipart body is longer than %d bytes", s.n, MaxPartHeaderBytes)}
	case i == 0:
		return Part{}, malformed("part %d has no Content-Disposition", s.n)
	case bytes.Contains(buf[:i], s.mark):
		return Part{}, ambiguous("the boundary stands in the header of part %d", s.n)
	}
	p, err := readPartHead(string(buf[2:i]), s.n)
	if err != nil {
		return Part{}, err
	}
	s.skip(i + len(lineBreak))
	p.Offset = s.pos + int64(len(lineBreak))
	if p.Name == charsetField {
		return p, s.checkCharset()
	}
	return p, nil
}

// checkCharset looks at a field that says in which charset the others are, which some servers take at
// its word.
func (s *partScanner) checkCharset() error {
	buf, _, err := s.peek(2*len(lineBreak) + len("us-ascii") + len(s.mark))
	if err != nil {
		return err
	}
	value, _, ok := bytes.Cut(buf[len(lineBreak):], append(bytes.Clone(lineBreak), s.mark...))
	if !ok || !isUTF8(string(value)) {
		return ambiguous("its field %s has another charset than UTF-8", charsetField)
	}
	return nil
}
