package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is more than claims have.
const maxDepth = 32

// member is a member of an object: its name, and its value as it is written. Both are parts of the
// text, where there is no escape in the name.
type member struct{ name, value []byte }

// readObject reads a JSON object in the one way in which it can be read: see the package. Its
// members are those of the object itself; what is deeper is checked only.
func readObject(text []byte) ([]member, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("no UTF-8")
	}
	if !json.Valid(text) {
		return nil, errors.New("no JSON")
	}
	s := scanner{text: text}
	if s.space(); s.text[s.at] != '{' {
		return nil, errors.New("no JSON object")
	}
	return s.object(1)
}

// scanner walks through text that is JSON.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// object reads from { to behind }.
func (s *scanner) object(depth int) ([]member, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("JSON of more than %d levels", maxDepth)
	}
	members := make([]member, 0, 8)
	var seen map[string]bool // of many members
	s.at++
	for s.more('}') {
		name, err := inner(s.str())
		if err != nil {
			return nil, err
		}
		if len(members) == 16 {
			seen = make(map[string]bool, 32)
			for _, m := range members {
				seen[string(m.name)] = true
			}
		}
		twice := seen[string(name)]
		if seen == nil {
			for _, m := range members {
				twice = twice || bytes.Equal(m.name, name)
			}
		} else {
			seen[string(name)] = true
		}
		if twice {
			return nil, fmt.Errorf("the member %.40q is there twice", name)
		}
		s.space()
		s.at++ // the colon
		s.space()
		from := s.at
		if err := s.value(depth); err != nil {
			return nil, err
		}
		members = append(members, member{name, s.text[from:s.at]})
	}
	return members, nil
}

// more goes to the next member or item, or behind the end of them.
func (s *scanner) more(end byte) bool {
	if s.space(); s.text[s.at] == ',' {
		s.at++
		s.space()
	}
	if s.text[s.at] == end {
		s.at++
		return false
	}
	return true
}

// value goes behind a value.
func (s *scanner) value(depth int) error {
	switch s.text[s.at] {
	case '{':
		_, err := s.object(depth + 1)
		return err
	case '[':
		return s.array(depth + 1)
	case '"':
		s.str()
		return nil
	}
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return nil
		}
		s.at++
	}
	return nil
}

func (s *scanner) array(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("JSON of more than %d levels", maxDepth)
	}
	s.at++
	for s.more(']') {
		if err := s.value(depth); err != nil {
			return err
		}
	}
	return nil
}

// str returns a string as it is written, and goes behind it.
func (s *scanner) str() []byte {
	from := s.at
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
	return s.text[from:s.at]
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
