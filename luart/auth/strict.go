package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxDepth is more than claims have.
const maxDepth = 32

// fewMembers are so many that comparing each name with all others is faster than a map.
const fewMembers = 16

var errNoJSON = errors.New("no JSON")

// member is a member of an object: its name, and its value as it is written. Both are parts of the
// text, where there is no escape in the name.
type member struct{ name, value []byte }

// readObject reads a JSON object in the one way in which it can be read: see the package. Its
// members are those of the object itself; what is deeper is checked only. They are appended to an
// empty slice, to.
func readObject(text []byte, to []member) ([]member, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("no UTF-8")
	}
	s := scanner{text: text, members: to}
	if s.next() != '{' {
		return nil, errors.New("no JSON object")
	}
	if err := s.object(1); err != nil {
		return nil, err
	}
	if s.next(); s.at < len(text) {
		return nil, errNoJSON
	}
	return s.members, nil
}

// scanner walks once through JSON text, and takes no text that encoding/json does not.
type scanner struct {
	text    []byte
	at      int
	members []member // of the objects that it is in, the outermost first
}

// peek returns the byte that comes next, 0 at the end: no token has it.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// next is peek behind white space.
func (s *scanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// object reads from { to behind }.
func (s *scanner) object(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("JSON of more than %d levels", maxDepth)
	}
	base := len(s.members)
	var seen map[string]bool // of many members
	s.at++
	if s.next() == '}' {
		s.at++
		return nil
	}
	for {
		name, err := s.name()
		if err != nil {
			return err
		}
		here := s.members[base:]
		if len(here) == fewMembers {
			seen = make(map[string]bool, 2*fewMembers)
			for _, m := range here {
				seen[string(m.name)] = true
			}
		}
		twice := seen[string(name)]
		if seen == nil {
			for i := range here {
				twice = twice || bytes.Equal(here[i].name, name)
			}
		} else {
			seen[string(name)] = true
		}
		if twice {
			return fmt.Errorf("the member %.40q is there twice", name)
		}
		if s.next() != ':' {
			return errNoJSON
		}
		s.at++
		s.next()
		from := s.at
		s.members = append(s.members, member{name: name})
		if err := s.value(depth); err != nil {
			return err
		}
		s.members[len(s.members)-1].value = s.text[from:s.at]
		switch s.next() {
		case ',':
			s.at++
			s.next()
		case '}':
			s.at++
			if depth > 1 {
				s.members = s.members[:base]
			}
			return nil
		default:
			return errNoJSON
		}
	}
}

// name reads the name of a member.
func (s *scanner) name() ([]byte, error) {
	from := s.at
	if err := s.str(); err != nil {
		return nil, err
	}
	return inner(s.text[from:s.at])
}

// value goes behind a value.
func (s *scanner) value(depth int) error {
	switch c := s.peek(); c {
	case '{':
		return s.object(depth + 1)
	case '[':
		return s.array(depth + 1)
	case '"':
		return s.str()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) array(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("JSON of more than %d levels", maxDepth)
	}
	s.at++
	if s.next() == ']' {
		s.at++
		return nil
	}
	for {
		if err := s.value(depth); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.at++
			s.next()
		case ']':
			s.at++
			return nil
		default:
			return errNoJSON
		}
	}
}

func (s *scanner) word(word string) error {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return errNoJSON
	}
	s.at += len(word)
	return nil
}

// number goes behind a number. What may not follow one is found by who reads on: 01 is 0, and 1.
func (s *scanner) number() error {
	from := s.at
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if !s.digits() {
		return errNoJSON
	}
	if s.peek() == '.' {
		if s.at++; !s.digits() {
			return errNoJSON
		}
	}
	if s.peek()|0x20 == 'e' {
		if s.at++; s.peek() == '+' || s.peek() == '-' {
			s.at++
		}
		if !s.digits() {
			return errNoJSON
		}
	} else if s.at-from < 300 {
		return nil
	}
	if _, err := strconv.ParseFloat(string(s.text[from:s.at]), 64); err != nil {
		return errors.New("a number that is too large")
	}
	return nil
}

// digits goes behind digits, and reports whether there are any.
func (s *scanner) digits() bool {
	from := s.at
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.at++
	}
	return s.at > from
}

// str goes behind a string.
func (s *scanner) str() error {
	if s.peek() != '"' {
		return errNoJSON
	}
	for at := s.at + 1; at < len(s.text); at++ {
		switch c := s.text[at]; {
		case c == '"':
			s.at = at + 1
			return nil
		case c < ' ':
			return errNoJSON
		case c == '\\':
			n := escapeLen(s.text[at+1:])
			if n == 0 {
				return errNoJSON
			}
			at += n
		}
	}
	return errNoJSON
}

// escapeLen is how long an escape is behind its backslash, 0 where it is none.
func escapeLen(rest []byte) int {
	switch {
	case len(rest) == 0:
	case bytes.IndexByte([]byte(`"\/bfnrt`), rest[0]) >= 0:
		return 1
	case rest[0] == 'u' && len(rest) > 4:
		for _, c := range rest[1:5] {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0
			}
		}
		return 5
	}
	return 0
}

// text is a JSON string.
func text(written []byte) (string, error) {
	b, err := inner(written)
	return string(b), err
}

// inner is what a JSON string says. An escaped surrogate without its partner is no character, and
// would be read as another one.
func inner(written []byte) ([]byte, error) {
	if len(written) < 2 || written[0] != '"' {
		return nil, errors.New("no string")
	}
	inner := written[1 : len(written)-1]
	if i := bytes.IndexByte(inner, '\\'); i >= 0 {
		return escaped(written, inner[i:])
	}
	return inner, nil
}

func escaped(written, rest []byte) ([]byte, error) {
	var s string
	if err := json.Unmarshal(written, &s); err != nil {
		return nil, err
	}
	for i := 0; i < len(rest); i++ { // json writes U+FFFD for such a surrogate
		if rest[i] != '\\' {
			continue
		}
		if i++; rest[i] != 'u' {
			continue
		}
		r := hex4(rest[i+1:])
		i += 4
		switch {
		case r >= 0xDC00 && r <= 0xDFFF:
			return nil, errors.New("half a character, as an escape")
		case r >= 0xD800 && r <= 0xDBFF:
			if i+6 >= len(rest) || rest[i+1] != '\\' || rest[i+2] != 'u' {
				return nil, errors.New("half a character, as an escape")
			}
			if low := hex4(rest[i+3:]); low < 0xDC00 || low > 0xDFFF {
				return nil, errors.New("half a character, as an escape")
			}
			i += 6
		}
	}
	return []byte(s), nil
}

func hex4(digits []byte) (r int) {
	for _, c := range digits[:4] {
		switch {
		case c <= '9':
			r = r<<4 | int(c-'0')
		default:
			r = r<<4 | int(c|0x20-'a'+10)
		}
	}
	return r
}
