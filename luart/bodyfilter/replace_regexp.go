package bodyfilter

import (
	"bytes"
	"regexp/syntax"
	"unicode/utf8"
)

const (
	// A search that goes back for the next match may look at freeRescan bytes again, and at rescanFactor for each byte of the body.
	freeRescan   = 1 << 20
	rescanFactor = 16

	endOfText rune = -1 // in place of a character
)

// regexpReplacer runs the program of an expression as Pike's machine does, which package regexp does for a text that is there: all attempts
// go through the text together, ordered by priority (that which began first, then as the expression says), one character at a time. So it
// can stop anywhere, and it takes the same steps however the text is cut.
//
// Positions are those in the body.
type regexpReplacer struct {
	output   *output
	pattern  *Pattern
	template []byte // nil: text is the replacement
	text     []byte
	window   int

	buf  []byte // the text from base on: from before what is handed out, to look back, to the end
	base int
	done int // so far the text is handed out, or replaced

	from      int // where the search for this match began
	pos       int // where the next character is taken
	prev      rune
	lastEnd   int // of the match before
	rescanned int

	threads, next threads
	found         bool
	match         []int    // groups of the best match so far
	groups        []int    // of the thread that follow moves
	seen          []uint64 // for each instruction, the step that has been there
	step          uint64
	expanded      []byte
}

// threads are attempts, by priority. Each has an instruction that comes next and its groups.
type threads struct {
	pcs    []uint32
	groups []int
}

func newRegexpReplacer(o *output, pattern *Pattern, replacement string, literal bool, window int) *regexpReplacer {
	r := &regexpReplacer{output: o, pattern: pattern, window: window, prev: endOfText, seen: make([]uint64, len(pattern.prog.Inst))}
	groups := 2
	if literal {
		r.text = []byte(replacement)
	} else {
		r.template = []byte(replacement)
		groups = 2 * (pattern.re.NumSubexp() + 1)
	}
	r.match, r.groups = make([]int, groups), make([]int, groups)
	return r
}

func (r *regexpReplacer) write(p []byte) error {
	r.compact()
	r.buf = append(r.buf, p...)
	return r.run(false)
}

func (r *regexpReplacer) end() error { return r.run(true) }

// compact forgets what is handed out, but for a character to look back at, if that is at least half of the buffer: so a byte is moved once
// for each that goes, however small the pieces are.
func (r *regexpReplacer) compact() {
	if n := r.done - utf8.UTFMax - r.base; n > len(r.buf)/2 {
		r.buf = r.buf[:copy(r.buf, r.buf[n:])]
		r.base += n
	}
}

// run goes on as far as there is text.
func (r *regexpReplacer) run(ended bool) error {
	end := r.base + len(r.buf)
	for {
		if r.output.finished() {
			return r.handOut(end)
		}
		if len(r.threads.pcs) == 0 && !r.found {
			r.skip()
		}
		c, width := endOfText, 0
		if text := r.buf[r.pos-r.base:]; len(text) > 0 {
			if !ended && !utf8.FullRune(text) {
				break
			}
			c, width = utf8.DecodeRune(text)
		} else if !ended {
			break
		}
		r.advance(c)
		switch {
		case r.found && len(r.threads.pcs) == 0:
			if err := r.replace(); err != nil {
				return err
			}
			if r.pos > end {
				return r.handOut(end)
			}
		case c == endOfText:
			return r.handOut(end)
		default:
			r.pos += width
			r.prev = c
		}
	}
	// Attempts are ordered: the first began first, and a match that is found began no earlier.
	if len(r.threads.pcs) > 0 {
		return r.handOut(r.threads.groups[0])
	}
	return r.handOut(r.pos)
}

// handOut hands out the text up to a position, if it is not yet.
func (r *regexpReplacer) handOut(to int) error {
	if to <= r.done {
		return nil
	}
	p := r.buf[r.done-r.base : to-r.base]
	r.done = to
	return r.output.add(p)
}

// skip goes to where a match can begin, when there is no attempt.
func (r *regexpReplacer) skip() {
	if r.pattern.atStart && r.pos > 0 {
		r.pos = r.base + len(r.buf)
		return
	}
	first := r.pattern.first
	if first == nil {
		return
	}
	text := r.buf[r.pos-r.base:]
	i := 0
	if prefix := r.pattern.prefix; len(prefix) > 0 {
		if i = bytes.Index(text, prefix); i < 0 {
			i = max(0, len(text)-len(prefix)+1)
		}
	}
	for i < len(text) && !first[text[i]] {
		i++
	}
	if i > 0 {
		r.pos += i
		r.lookBack()
	}
}

// lookBack finds out what stands before pos.
func (r *regexpReplacer) lookBack() {
	if r.prev = endOfText; r.pos > 0 {
		r.prev, _ = utf8.DecodeLastRune(r.buf[:r.pos-r.base])
	}
}

// advance lets all attempts take a character, and begins one. Those that have taken too much are given up.
func (r *regexpReplacer) advance(c rune) {
	r.step++
	r.next.pcs, r.next.groups = r.next.pcs[:0], r.next.groups[:0]
	holds := syntax.EmptyOpContext(r.prev, c)
	n := len(r.groups)
	matched := false
	for i, pc := range r.threads.pcs {
		groups := r.threads.groups[i*n : (i+1)*n]
		if r.pos-groups[0] > r.window {
			continue
		}
		copy(r.groups, groups)
		if matched = r.follow(pc, c, holds); matched {
			break // all others have less priority
		}
	}
	if !matched && !r.found {
		for i := range r.groups {
			r.groups[i] = -1
		}
		r.groups[0] = r.pos
		r.follow(uint32(r.pattern.prog.Start), c, holds)
	}
	r.threads, r.next = r.next, r.threads
}

// follow goes on from an instruction to those that take a character, and adds what comes behind those that take c. It reports whether there
// was a match before c: what has less priority is of no interest then.
func (r *regexpReplacer) follow(pc uint32, c rune, holds syntax.EmptyOp) bool {
	for {
		if r.seen[pc] == r.step {
			return false // with more priority
		}
		r.seen[pc] = r.step
		inst := &r.pattern.prog.Inst[pc]
		switch inst.Op {
		case syntax.InstFail:
			return false
		case syntax.InstAlt, syntax.InstAltMatch:
			if r.follow(inst.Out, c, holds) {
				return true
			}
			pc = inst.Arg
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^holds != 0 {
				return false
			}
			pc = inst.Out
		case syntax.InstNop:
			pc = inst.Out
		case syntax.InstCapture:
			if slot := int(inst.Arg); slot < len(r.groups) {
				before := r.groups[slot]
				r.groups[slot] = r.pos
				matched := r.follow(inst.Out, c, holds)
				r.groups[slot] = before
				return matched
			}
			pc = inst.Out
		case syntax.InstMatch:
			copy(r.match, r.groups)
			r.match[1] = r.pos
			r.found = true
			return true
		default:
			if r.takes(pc, inst, c) {
				r.next.pcs = append(r.next.pcs, inst.Out)
				r.next.groups = append(r.next.groups, r.groups...)
			}
			return false
		}
	}
}

func (r *regexpReplacer) takes(pc uint32, inst *syntax.Inst, c rune) bool {
	if c < utf8.RuneSelf {
		return c >= 0 && r.pattern.ascii[pc][c>>6]&(1<<(c&63)) != 0
	}
	return matchRune(inst, c)
}

// replace replaces the match and begins to search for the next one. The rules are those of Regexp.ReplaceAll.
func (r *regexpReplacer) replace() error {
	start, end := r.match[0], r.match[1]
	if err := r.handOut(start); err != nil {
		return err
	}
	if end > r.lastEnd || start == 0 {
		if err := r.addReplacement(); err != nil {
			return err
		}
		r.output.left--
	}
	r.done, r.lastEnd = end, end

	looked := r.pos
	if r.pos = end; end == r.from { // it is empty: go on behind the next character
		if _, width := utf8.DecodeRune(r.buf[end-r.base:]); width > 0 {
			r.pos += width
		} else {
			r.pos++ // the end
		}
	}
	r.from, r.found = r.pos, false
	if r.pos > r.base+len(r.buf) {
		return nil
	}
	r.lookBack()
	if looked > r.pos {
		if r.rescanned += looked - r.pos; r.rescanned > freeRescan+rescanFactor*looked {
			return ErrSlowPattern
		}
	}
	return nil
}

func (r *regexpReplacer) addReplacement() error {
	if r.template == nil {
		return r.output.add(r.text)
	}
	for i := range r.match {
		if r.match[i] >= 0 {
			r.match[i] -= r.base
		}
	}
	r.expanded = r.pattern.re.Expand(r.expanded[:0], r.template, r.buf, r.match)
	return r.output.add(r.expanded)
}
