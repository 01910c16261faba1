package pattern

import (
	"errors"
	"strings"
)

// ErrStopped is Find's error when its caller did not want it to go on.
var ErrStopped = errors.New("the match took too many steps")

const (
	// stepsPerAsk steps of a few nanoseconds lie between two questions whether to go on.
	stepsPerAsk = 1024

	// bytesPerStep bytes that a loop only looks at (a repetition of a set, %b, a back reference)
	// take as long as one step of the matcher.
	bytesPerStep = 8
)

// Match is where a pattern matched. Its zero value is ready for Find, which may be given it again
// and again.
type Match struct {
	Start, End int // s[Start:End] is the whole match
	N          int // captures

	captures [MaxCaptures]span
}

// span is a capture. end is position for a position capture.
type span struct{ start, end int }

const position = -1

// Capture returns capture i, from 0: s[start:end], or the position start, counted from 0, if
// isPosition is true.
func (m *Match) Capture(i int) (start, end int, isPosition bool) {
	c := m.captures[i]
	return c.start, c.end, c.end == position
}

// choice is where a match goes on when what came after an item did not match.
type choice struct {
	pc int // the item
	at int // where it ended in the subject
	lo int // opMax: the least at
}

// Find looks for the first match that begins in s at from or behind it, and stores it in m; from
// itself is the only position for an anchored pattern. It asks stop, unless that is nil, from time
// to time, and returns ErrStopped once it says true. Not safe for concurrent use.
func (p *Pattern) Find(s string, from int, m *Match, stop func() bool) (bool, error) {
	m.N = p.captures
	first := &p.items[p.first]
	for at := from; at <= len(s); at++ {
		if !p.Anchored {
			// Most positions fail at the first item.
			skipped := 0
			switch first.op {
			case opChar:
				skipped = strings.IndexByte(s[at:], first.char)
			case opText:
				skipped = strings.Index(s[at:], first.text)
			case opSet, opMax1:
				skipped = index(s[at:], first.set)
			}
			if skipped < 0 {
				p.left -= (len(s) - at) / bytesPerStep
				return false, nil
			}
			p.left -= skipped / bytesPerStep
			at += skipped
		}
		found, err := p.match(s, at, m, stop)
		if found || err != nil || p.Anchored {
			return found, err
		}
	}
	return false, nil
}

// index returns where the first byte of the set is, -1 if there is none.
func index(s string, set *[256]bool) int {
	for i := range len(s) {
		if set[s[i]] {
			return i
		}
	}
	return -1
}

// run returns where the bytes of the set that begin at at end.
func run(s string, at int, set *[256]bool) int {
	if set == &anyByte {
		return len(s)
	}
	for at < len(s) && set[s[at]] {
		at++
	}
	return at
}

// match tries to match the whole pattern at one position. Items are passed from the first to the
// last; a repeated one leaves a choice behind. A failure takes up the last choice again. Captures
// need not be undone: whatever comes after a choice is passed again, and sets its captures anew,
// before anything can look at them.
func (p *Pattern) match(s string, start int, m *Match, stop func() bool) (bool, error) {
	pc, at, top := 0, start, 0
	for {
		if p.left--; p.left < 0 {
			p.left = stepsPerAsk
			if stop != nil && stop() {
				return false, ErrStopped
			}
		}
		it := &p.items[pc]
		pc++
		matched := false
		switch it.op {
		case opEnd, opTail:
			if it.op == opEnd || at == len(s) {
				m.Start, m.End = start, at
				return true, nil
			}
		case opChar:
			if matched = at < len(s) && s[at] == it.char; matched {
				at++
			}
		case opText:
			if matched = strings.HasPrefix(s[at:], it.text); matched {
				at += len(it.text)
			}
		case opAny:
			if matched = at < len(s); matched {
				at++
			}
		case opSet:
			if matched = at < len(s) && it.set[s[at]]; matched {
				at++
			}
		case opMax, opMax1:
			lo, end := at, run(s, at, it.set)
			p.left -= (end - at) / bytesPerStep
			if it.op == opMax1 {
				lo++
			}
			if matched = end >= lo; matched {
				if end > lo {
					p.choices[top] = choice{pc - 1, end, lo}
					top++
				}
				at = end
			}
		case opMin:
			p.choices[top] = choice{pc: pc - 1, at: at}
			top++
			matched = true
		case opMaybe:
			if at < len(s) && it.set[s[at]] {
				p.choices[top] = choice{pc: pc - 1, at: at}
				top++
				at++
			}
			matched = true
		case opBalance:
			end := balanced(s, at, it.char, it.close)
			if matched = end >= 0; matched {
				p.left -= (end - at) / bytesPerStep
				at = end
			} else if at < len(s) && s[at] == it.char {
				p.left -= (len(s) - at) / bytesPerStep
			}
		case opFrontier:
			matched = !it.set[byteAt(s, at-1)] && it.set[byteAt(s, at)]
		case opOpen:
			m.captures[it.n].start = at
			matched = true
		case opClose:
			m.captures[it.n].end = at
			matched = true
		case opPosition:
			m.captures[it.n] = span{at, position}
			matched = true
		case opBack:
			if c := m.captures[it.n]; c.end != position {
				p.left -= (c.end - c.start) / bytesPerStep
				if matched = strings.HasPrefix(s[at:], s[c.start:c.end]); matched {
					at += c.end - c.start
				}
			}
		}
		for !matched {
			if top == 0 {
				return false, nil
			}
			c := &p.choices[top-1]
			pc, at = c.pc+1, c.at
			switch it := &p.items[c.pc]; it.op {
			case opMin:
				if matched = at < len(s) && it.set[s[at]]; !matched {
					top--
					continue
				}
				at++
				c.at = at
			case opMaybe:
				top--
				matched = true
			default: // opMax, opMax1
				at--
				if c.at = at; at == c.lo {
					top--
				}
				matched = true
			}
		}
	}
}

// balanced returns where the %b that begins at at ends, -1 if it does not.
func balanced(s string, at int, begin, end byte) int {
	if at >= len(s) || s[at] != begin {
		return -1
	}
	depth := 1
	for at++; at < len(s); at++ {
		switch s[at] {
		case end:
			if depth--; depth == 0 {
				return at + 1
			}
		case begin:
			depth++
		}
	}
	return -1
}

// byteAt is s[at], and NUL before and behind s.
func byteAt(s string, at int) byte {
	if at < 0 || at >= len(s) {
		return 0
	}
	return s[at]
}
