package pattern

import (
	"errors"
	"fmt"
)

const (
	// MaxBytes is the longest pattern. A set of one byte takes 256 bytes when it is compiled: this
	// is 1 MiB then.
	MaxBytes = 16 << 10

	// MaxCaptures is as in C Lua.
	MaxCaptures = 32
)

// Pattern is a compiled pattern. Not safe for concurrent use: a match uses memory of the pattern's
// own.
type Pattern struct {
	// Anchored says that the pattern began with '^', which is no item of it: Find tries one
	// position only.
	Anchored bool

	items    []item
	first    int // the first item that looks at the subject
	captures int
	choices  []choice // room for one of each repeated item
	left     int      // steps until the caller is asked again
}

// item is one step of a pattern.
type item struct {
	op    op
	char  byte       // of opChar; opBalance: what opens
	close byte       // of opBalance
	set   *[256]bool // of opSet, opFrontier and the repetitions: which bytes match
	n     int        // of opOpen, opClose, opPosition and opBack: the capture, from 0
	text  string     // of opText
}

type op uint8

const (
	opEnd      op = iota // the pattern is over: a match
	opTail               // '$': a match when the subject is over, too
	opChar               // one byte
	opText               // two bytes or more
	opAny                // '.'
	opSet                // one byte of a set
	opMax                // '*'
	opMax1               // '+'
	opMin                // '-'
	opMaybe              // '?'
	opBalance            // %b
	opFrontier           // %f
	opOpen               // '('
	opClose              // ')'
	opPosition           // "()"
	opBack               // %1 to %9
)

// Compile returns the compiled pattern. Errors: it is malformed, longer than MaxBytes, or has more
// than MaxCaptures captures. Any goroutine may call it.
func Compile(source string) (*Pattern, error) {
	if len(source) > MaxBytes {
		return nil, fmt.Errorf("pattern too long: %d bytes, the limit is %d", len(source), MaxBytes)
	}
	c := compiler{source: source, p: &Pattern{left: stepsPerAsk}}
	if source != "" && source[0] == '^' {
		c.p.Anchored = true
		c.at = 1
	}
	return c.compile()
}

var (
	errEscape   = errors.New("malformed pattern (ends with '%')")
	errSet      = errors.New("malformed pattern (missing ']')")
	errBalance  = errors.New("malformed pattern (missing arguments to '%b')")
	errFrontier = errors.New("malformed pattern (missing '[' after '%f')")
	errOpen     = errors.New("malformed pattern (unfinished capture)")
	errClose    = errors.New("malformed pattern (invalid pattern capture: no '(' before ')')")
	errCaptures = fmt.Errorf("too many captures: the limit is %d", MaxCaptures)
)

type compiler struct {
	source string
	at     int
	p      *Pattern
	open   []int  // captures that await their ')', innermost last
	closed []bool // by capture: its ')' came
}

func (c *compiler) compile() (*Pattern, error) {
	for c.at < len(c.source) {
		if err := c.item(); err != nil {
			return nil, err
		}
	}
	if len(c.open) > 0 {
		return nil, errOpen
	}
	if n := len(c.p.items); n == 0 || c.p.items[n-1].op != opTail {
		c.add(item{op: opEnd})
	}
	p := c.p
	p.captures = len(c.closed)
	p.items = joinChars(p.items)
	repeated := 0
	for i := range p.items {
		if op := p.items[i].op; opMax <= op && op <= opMaybe {
			repeated++
		}
	}
	p.choices = make([]choice, repeated)
	for p.first = 0; p.items[p.first].op == opOpen || p.items[p.first].op == opPosition; {
		p.first++
	}
	return p, nil
}

// joinChars makes one item of neighbours that stand for one byte each.
func joinChars(items []item) []item {
	joined := items[:0]
	for i := 0; i < len(items); {
		end := i
		for items[end].op == opChar { // the last item is none
			end++
		}
		if end-i < 2 {
			joined = append(joined, items[i])
			i++
			continue
		}
		text := make([]byte, 0, end-i)
		for _, it := range items[i:end] {
			text = append(text, it.char)
		}
		joined = append(joined, item{op: opText, text: string(text)})
		i = end
	}
	return joined
}

func (c *compiler) add(i item) { c.p.items = append(c.p.items, i) }

// item compiles what stands at c.at.
func (c *compiler) item() error {
	s := c.source[c.at:]
	switch {
	case s[0] == '(':
		if len(c.closed) == MaxCaptures {
			return errCaptures
		}
		n := len(c.closed)
		if len(s) > 1 && s[1] == ')' {
			c.at += 2
			c.closed = append(c.closed, true)
			c.add(item{op: opPosition, n: n})
			return nil
		}
		c.at++
		c.closed = append(c.closed, false)
		c.open = append(c.open, n)
		c.add(item{op: opOpen, n: n})
		return nil
	case s[0] == ')':
		if len(c.open) == 0 {
			return errClose
		}
		c.at++
		n := c.open[len(c.open)-1]
		c.open = c.open[:len(c.open)-1]
		c.closed[n] = true
		c.add(item{op: opClose, n: n})
		return nil
	case s == "$":
		c.at++
		c.add(item{op: opTail})
		return nil
	case s[0] == '%' && len(s) > 1 && s[1] == 'b':
		if len(s) < 4 {
			return errBalance
		}
		c.at += 4
		c.add(item{op: opBalance, char: s[2], close: s[3]})
		return nil
	case s[0] == '%' && len(s) > 1 && s[1] == 'f':
		if len(s) < 3 || s[2] != '[' {
			return errFrontier
		}
		c.at += 2
		set, err := c.set()
		c.add(item{op: opFrontier, set: set})
		return err
	case s[0] == '%' && len(s) > 1 && '0' <= s[1] && s[1] <= '9':
		n := int(s[1]-'0') - 1
		if n < 0 || n >= len(c.closed) || !c.closed[n] {
			return fmt.Errorf("malformed pattern (invalid capture index %%%c)", s[1])
		}
		c.at += 2
		c.add(item{op: opBack, n: n})
		return nil
	}
	return c.single()
}

// single compiles what matches one byte, with a '*', '+', '-' or '?' behind it.
func (c *compiler) single() error {
	one := item{op: opChar, char: c.source[c.at]}
	switch one.char {
	case '.':
		one = item{op: opAny, set: &anyByte}
		c.at++
	case '%':
		if c.at+1 == len(c.source) {
			return errEscape
		}
		one.char = c.source[c.at+1]
		if set := classes[one.char]; set != nil {
			one = item{op: opSet, set: set}
		}
		c.at += 2
	case '[':
		set, err := c.set()
		if err != nil {
			return err
		}
		one = item{op: opSet, set: set}
	default:
		c.at++
	}
	if c.at < len(c.source) {
		repeat := opEnd
		switch c.source[c.at] {
		case '*':
			repeat = opMax
		case '+':
			repeat = opMax1
		case '-':
			repeat = opMin
		case '?':
			repeat = opMaybe
		}
		if repeat != opEnd {
			c.at++
			if one.op == opChar {
				one.set = new([256]bool)
				one.set[one.char] = true
			}
			c.add(item{op: repeat, set: one.set})
			return nil
		}
	}
	c.add(one)
	return nil
}

// set compiles the set at c.at, as C Lua's classend and matchbracketclass read it.
func (c *compiler) set() (*[256]bool, error) {
	s, at := c.source, c.at+1
	negated := at < len(s) && s[at] == '^'
	if negated {
		at++
	}
	end := at // of the set, its ']'; one right at the beginning is an element
	for first := true; first || end >= len(s) || s[end] != ']'; first = false {
		if end >= len(s) {
			return nil, errSet
		}
		end++
		if s[end-1] == '%' {
			end++ // past the end: found in the next round
		}
	}
	set := new([256]bool)
	for ; at < end; at++ {
		switch {
		case s[at] == '%':
			at++
			if class := classes[s[at]]; class != nil {
				for b, in := range class {
					set[b] = set[b] || in
				}
			} else {
				set[s[at]] = true
			}
		case s[at+1] == '-' && at+2 < end:
			for b := int(s[at]); b <= int(s[at+2]); b++ {
				set[b] = true
			}
			at += 2
		default:
			set[s[at]] = true
		}
	}
	if negated {
		for b := range set {
			set[b] = !set[b]
		}
	}
	c.at = end + 1
	return set, nil
}
