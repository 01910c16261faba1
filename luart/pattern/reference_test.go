package pattern

// reference is C Lua 5.1's matcher (lstrlib.c), line by line, as the measure for Pattern. Like
// Pattern it takes NUL for a byte like any other. It recurses and panics with what luaL_error would
// say.
type reference struct {
	src, pattern string
	level        int
	capture      [MaxCaptures]struct{ init, len int }
	steps        int
}

const (
	capUnfinished = -1
	capPosition   = -2
)

type referenceError string

type tooLong struct{}

func (r *reference) fail(message string) { panic(referenceError(message)) }

func (r *reference) at(p int) byte {
	if p < 0 || p >= len(r.pattern) {
		return 0
	}
	return r.pattern[p]
}

func (r *reference) over(p int) bool { return p >= len(r.pattern) }

func (r *reference) classEnd(p int) int {
	c := r.at(p)
	p++
	switch c {
	case '%':
		if r.over(p) {
			r.fail("ends with '%'")
		}
		return p + 1
	case '[':
		if r.at(p) == '^' {
			p++
		}
		for {
			if r.over(p) {
				r.fail("missing ']'")
			}
			p++
			if r.at(p-1) == '%' && !r.over(p) {
				p++
			}
			if r.at(p) == ']' && !r.over(p) {
				return p + 1
			}
		}
	}
	return p
}

func matchClass(c, class byte) bool {
	if set := classes[class]; set != nil {
		return set[c]
	}
	return class == c
}

func (r *reference) matchSet(c byte, p, end int) bool {
	sig := true
	if r.at(p+1) == '^' {
		sig = false
		p++
	}
	for p++; p < end; p++ {
		switch {
		case r.at(p) == '%':
			p++
			if matchClass(c, r.at(p)) {
				return sig
			}
		case r.at(p+1) == '-' && p+2 < end:
			p += 2
			if r.at(p-2) <= c && c <= r.at(p) {
				return sig
			}
		case r.at(p) == c:
			return sig
		}
	}
	return !sig
}

func (r *reference) single(c byte, p, ep int) bool {
	switch r.at(p) {
	case '.':
		return true
	case '%':
		return matchClass(c, r.at(p+1))
	case '[':
		return r.matchSet(c, p, ep-1)
	}
	return r.at(p) == c
}

func (r *reference) match(s, p int) int {
	if r.steps++; r.steps > 20000 {
		panic(tooLong{})
	}
	for {
		if r.over(p) {
			return s
		}
		switch c := r.at(p); {
		case c == '(':
			what, next := capUnfinished, p+1
			if r.at(p+1) == ')' && !r.over(p+1) {
				what, next = capPosition, p+2
			}
			if r.level >= MaxCaptures {
				r.fail("too many captures")
			}
			r.capture[r.level].init, r.capture[r.level].len = s, what
			r.level++
			res := r.match(s, next)
			if res < 0 {
				r.level--
			}
			return res
		case c == ')':
			l := r.level - 1
			for ; l >= 0 && r.capture[l].len != capUnfinished; l-- {
			}
			if l < 0 {
				r.fail("invalid pattern capture")
			}
			r.capture[l].len = s - r.capture[l].init
			res := r.match(s, p+1)
			if res < 0 {
				r.capture[l].len = capUnfinished
			}
			return res
		case c == '%' && r.at(p+1) == 'b':
			if r.over(p + 3) {
				r.fail("unbalanced pattern")
			}
			if s >= len(r.src) || r.src[s] != r.at(p+2) {
				return -1
			}
			cont, end := 1, -1
			for i := s + 1; i < len(r.src); i++ {
				if r.src[i] == r.at(p+3) {
					if cont--; cont == 0 {
						end = i + 1
						break
					}
				} else if r.src[i] == r.at(p+2) {
					cont++
				}
			}
			if end < 0 {
				return -1
			}
			s, p = end, p+4
			continue
		case c == '%' && r.at(p+1) == 'f':
			p += 2
			if r.at(p) != '[' {
				r.fail("missing '[' after '%f'")
			}
			ep := r.classEnd(p)
			if r.matchSet(byteAt(r.src, s-1), p, ep-1) || !r.matchSet(byteAt(r.src, s), p, ep-1) {
				return -1
			}
			p = ep
			continue
		case c == '%' && '0' <= r.at(p+1) && r.at(p+1) <= '9':
			l := int(r.at(p+1)) - '1'
			if l < 0 || l >= r.level || r.capture[l].len == capUnfinished {
				r.fail("invalid capture index")
			}
			n := r.capture[l].len
			if n == capPosition || len(r.src)-s < n || r.src[r.capture[l].init:][:n] != r.src[s:s+n] {
				return -1
			}
			s, p = s+n, p+2
			continue
		case c == '$' && r.over(p+1):
			if s == len(r.src) {
				return s
			}
			return -1
		}
		ep := r.classEnd(p)
		m := s < len(r.src) && r.single(r.src[s], p, ep)
		suffix := r.at(ep)
		if r.over(ep) {
			suffix = 1 // none
		}
		switch suffix {
		case '?':
			if m {
				if res := r.match(s+1, ep+1); res >= 0 {
					return res
				}
			}
			p = ep + 1
			continue
		case '*', '+':
			i := 0
			for s+i < len(r.src) && r.single(r.src[s+i], p, ep) {
				i++
			}
			least := 0
			if suffix == '+' {
				least = 1
			}
			for ; i >= least; i-- {
				if res := r.match(s+i, ep+1); res >= 0 {
					return res
				}
			}
			return -1
		case '-':
			for {
				if res := r.match(s, ep+1); res >= 0 {
					return res
				}
				if s >= len(r.src) || !r.single(r.src[s], p, ep) {
					return -1
				}
				s++
			}
		}
		if !m {
			return -1
		}
		s, p = s+1, ep
	}
}

// find is Pattern.Find with the captures as [start, end] pairs, end -1 for a position.
func (r *reference) find(from int) (start, end int, captures [][2]int) {
	p, anchored := 0, len(r.pattern) > 0 && r.pattern[0] == '^'
	if anchored {
		p = 1
	}
	for s := from; s <= len(r.src); s++ {
		r.level = 0
		if e := r.match(s, p); e >= 0 {
			for _, c := range r.capture[:r.level] {
				switch c.len {
				case capUnfinished:
					r.fail("unfinished capture")
				case capPosition:
					captures = append(captures, [2]int{c.init, position})
				default:
					captures = append(captures, [2]int{c.init, c.init + c.len})
				}
			}
			return s, e, captures
		}
		if anchored {
			break
		}
	}
	return -1, -1, nil
}
