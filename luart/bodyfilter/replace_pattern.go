package bodyfilter

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// Pattern is what a [Replacer] looks for: plain text or a regular expression. It does not change: any goroutine may use it, at the same
// time. Keep it: to make one compiles an expression.
type Pattern struct {
	plain      string
	plainBytes []byte
	failures   []int

	re      *regexp.Regexp // nil: plain text
	prog    *syntax.Prog
	ascii   [][2]uint64 // for each instruction that takes a character, which of the ASCII ones
	first   *[256]bool  // the bytes that a match can begin with; nil: it can be empty
	prefix  []byte      // what each match begins with
	atStart bool        // it matches at the beginning of the body only
}

// NewPlain returns the pattern of a text, byte for byte. Error: it is empty. Any goroutine may call it.
func NewPlain(text string) (*Pattern, error) {
	if text == "" {
		return nil, errors.New("the pattern is empty")
	}
	return &Pattern{plain: text, plainBytes: []byte(text), failures: failures(text)}, nil
}

// Expression is a value of a library that stands for a pattern: what rover.re.compile returns.
type Expression interface {
	// ForReplace returns the pattern that res:replace looks for. Only the holder of the VM calls it.
	ForReplace() (*Pattern, error)
}

// NewRegexp returns the pattern of an expression that regexp.Compile has made: expressions of CompilePOSIX and after Longest match
// otherwise here. Error: it has no meaning as such an expression. Any goroutine may call it.
func NewRegexp(re *regexp.Regexp) (*Pattern, error) {
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, err
	}
	p := &Pattern{re: re, prog: prog, ascii: make([][2]uint64, len(prog.Inst))}
	for pc := range prog.Inst {
		inst := &prog.Inst[pc]
		if !takesRune(inst.Op) {
			continue
		}
		for c := range rune(utf8.RuneSelf) {
			if matchRune(inst, c) {
				p.ascii[pc][c>>6] |= 1 << (c & 63)
			}
		}
	}
	prefix, _ := prog.Prefix()
	p.prefix = []byte(prefix)
	p.atStart = prog.StartCond()&syntax.EmptyBeginText != 0
	p.findFirst()
	return p, nil
}

func takesRune(op syntax.InstOp) bool {
	switch op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}

func matchRune(inst *syntax.Inst, c rune) bool {
	switch inst.Op {
	case syntax.InstRune1:
		return c == inst.Rune[0]
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return c != '\n'
	}
	return inst.MatchRune(c)
}

// findFirst fills in first: what the instructions that are reached from the start without taking a character take. All characters beyond
// ASCII are one: a byte of theirs, or one that is in no character, may begin a match if any of them may.
func (p *Pattern) findFirst() {
	var first [256]bool
	seen := make([]bool, len(p.prog.Inst))
	todo := []uint32{uint32(p.prog.Start)}
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch inst := &p.prog.Inst[pc]; inst.Op {
		case syntax.InstMatch:
			return
		case syntax.InstFail:
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, inst.Out, inst.Arg)
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			for c := range utf8.RuneSelf {
				if p.ascii[pc][c>>6]&(1<<(c&63)) != 0 {
					first[c] = true
				}
			}
			if takesBeyondASCII(inst) {
				for c := utf8.RuneSelf; c < 256; c++ {
					first[c] = true
				}
			}
		default: // Capture, EmptyWidth (which may hold), Nop
			todo = append(todo, inst.Out)
		}
	}
	if len(p.prefix) > 0 {
		first = [256]bool{}
		first[p.prefix[0]] = true
	}
	p.first = &first
}

func takesBeyondASCII(inst *syntax.Inst) bool {
	switch inst.Op {
	case syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	// Case folding takes K to the Kelvin sign: one character that may be folded counts as such.
	return syntax.Flags(inst.Arg)&syntax.FoldCase != 0 || len(inst.Rune) > 0 && inst.Rune[len(inst.Rune)-1] >= utf8.RuneSelf
}
