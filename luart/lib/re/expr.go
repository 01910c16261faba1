package re

import (
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/bodyfilter"
	"github.com/caddy-rover/rover/luart/luaval"
)

const (
	// MaxBytes, MaxSteps and maxExprRanges bound an expression: a{1000} is 7 bytes and 1000 steps, \pL is 3
	// bytes and 650 ranges of characters. One at all limits takes 0.2 s to compile.
	MaxBytes      = 4 << 10
	MaxSteps      = 20_000
	maxExprRanges = 100_000

	// MaxGroups is how many groups an expression has at most: a match keeps all of them for each active step.
	MaxGroups = 100

	// maxExprs expressions of at most maxKeptExpr bytes are kept compiled by each generation, then it starts anew.
	maxExprs    = 128
	maxKeptExpr = 512

	// maxMatchWork is how many bytes × steps a match may take that cannot be interrupted: 0.1 s at worst. Beyond, the
	// subject is read by way of a reader that asks the budget, which takes longer for most expressions.
	maxMatchWork = 10_000_000

	// workPerAsk bytes × steps lie between two such questions.
	workPerAsk = 100_000
)

// Expr is a compiled regular expression. It does not change, but for replacing. Any goroutine may call its methods that take no LState.
type Expr struct {
	re     *regexp.Regexp
	names  []string // of groups, "" for those without; names[0] is the whole match
	prefix string   // every match begins with it
	steps  int      // at most so many are active at each byte

	// behind finds the first match that begins behind the first character of a string; nil when matches do not
	// depend on what stands before them (^, \b), so that a search may begin anywhere. Its groups are one later:
	// group 1 is the whole match.
	behind *regexp.Regexp

	replacing *bodyfilter.Pattern // the holder's: for res:replace, made once
}

// ForReplace implements bodyfilter.Expression.
func (x *Expr) ForReplace() (*bodyfilter.Pattern, error) {
	if x.replacing == nil {
		p, err := bodyfilter.NewRegexp(x.re)
		if err != nil {
			return nil, err
		}
		x.replacing = p
	}
	return x.replacing, nil
}

// String is the source of the expression.
func (x *Expr) String() string { return x.re.String() }

// Matches reports whether a text has a match. It raises the budget's error when the slice of VM time is
// over.
func (x *Expr) Matches(L *lua.LState, text string) bool { return x.find(L, text, 0) != nil }

// New compiles an expression.
func New(source string) (*Expr, error) {
	if len(source) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, the limit is %d", len(source), MaxBytes)
	}
	tree, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, err
	}
	size := measure{}
	steps := size.add(tree)
	switch {
	case steps > MaxSteps:
		return nil, fmt.Errorf("it is too large when its repetitions are written out: the limit is %d steps", MaxSteps)
	case tree.MaxCap() > MaxGroups:
		return nil, fmt.Errorf("%d groups, the limit is %d", tree.MaxCap(), MaxGroups)
	case size.ranges > maxExprRanges:
		return nil, fmt.Errorf("its classes have %d ranges of characters, the limit is %d", size.ranges, maxExprRanges)
	}
	x := &Expr{steps: steps}
	if x.re, err = regexp.Compile(source); err != nil {
		return nil, err
	}
	x.names = x.re.SubexpNames()
	x.prefix, _ = x.re.LiteralPrefix()
	if size.looksBack {
		x.behind, err = regexp.Compile(`\A(?s:.)(?s:.*?)(` + tree.String() + `)`)
	}
	return x, err
}

// measure is what New wants to know of an expression besides its steps.
type measure struct {
	ranges    int  // of characters, in all classes
	looksBack bool // at what stands before the place where it is tried
}

// add returns about how many instructions a part of an expression is compiled to, MaxSteps + 1 for more. The parser
// bounds the depth.
func (size *measure) add(tree *syntax.Regexp) (steps int) {
	switch tree.Op {
	case syntax.OpBeginLine, syntax.OpBeginText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		size.looksBack = true
	case syntax.OpLiteral:
		steps = len(tree.Rune)
	case syntax.OpCharClass:
		steps = 1
		size.ranges += len(tree.Rune) / 2
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		steps = 1
	case syntax.OpCapture, syntax.OpAlternate, syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		steps = 2
	}
	for _, sub := range tree.Sub {
		steps = min(steps+size.add(sub), MaxSteps+1)
	}
	if tree.Op == syntax.OpRepeat {
		steps = (steps + 1) * max(tree.Max, tree.Min, 1)
	}
	return min(max(steps, 1), MaxSteps+1)
}

// find is Find. It raises the budget's error when the slice of VM time is over.
func (x *Expr) find(L *lua.LState, s string, from int) []int {
	b, _ := L.Context().(luaval.Budget)
	var over func() bool
	if b != nil {
		over = b.Over
	}
	found, stopped := x.Find(s, from, over)
	if stopped {
		L.RaiseError("%s", b.Err())
	}
	return found
}

// Names are those of the groups, "" for those without one. The first is the whole match.
func (x *Expr) Names() []string { return x.names }

// Steps is about how many instructions the expression has, with its repetitions written out.
func (x *Expr) Steps() int { return x.steps }

// Find returns the groups of the first match of s that begins at from or behind it, as the regexp package has them:
// two indexes of s for each, -1 for those without a part in the match; nil without a match. It stops when over says so, which
// is asked again and again where the search takes long; nil: it never stops.
func (x *Expr) Find(s string, from int, over func() bool) (groups []int, stopped bool) {
	if x.prefix != "" {
		skipped := strings.Index(s[from:], x.prefix)
		if skipped < 0 {
			return nil, false
		}
		from += skipped
	}
	re, base, shift := x.re, from, 0
	if x.behind != nil && from > 0 {
		// An index inside of a character has no character before it.
		_, before := utf8.DecodeLastRuneInString(s[:from])
		if _, width := utf8.DecodeRuneInString(s[from-before:]); width == before {
			re, base, shift = x.behind, from-before, 2
		}
	}
	var found []int
	if over == nil || (len(s)-from)*x.steps <= maxMatchWork {
		found = re.FindStringSubmatchIndex(s[base:])
	} else {
		r := &exprReader{s: s[base:], every: max(workPerAsk/x.steps, 1), over: over}
		found = re.FindReaderSubmatchIndex(r)
		if r.stopped {
			return nil, true
		}
	}
	if found == nil {
		return nil, false
	}
	found = found[shift:]
	for i := range found {
		if found[i] >= 0 {
			found[i] += base
		}
	}
	return found, false
}

// exprReader gives a string to the regexp package rune by rune, and ends it when the slice of VM time is over.
type exprReader struct {
	s       string
	at      int
	every   int // runes between two questions
	since   int // the last one
	over    func() bool
	stopped bool
}

func (r *exprReader) ReadRune() (rune, int, error) {
	if r.since++; r.since > r.every {
		r.since = 0
		r.stopped = r.stopped || r.over()
	}
	if r.stopped || r.at >= len(r.s) {
		return 0, 0, io.EOF
	}
	c, width := rune(r.s[r.at]), 1
	if c >= utf8.RuneSelf {
		c, width = utf8.DecodeRuneInString(r.s[r.at:])
	}
	r.at += width
	return c, width, nil
}

// exprMatches goes from one match to the next as regexp's FindAll does: an empty match right behind another is none.
type exprMatches struct {
	x    *Expr
	s    string
	at   int // where the next search begins; beyond len(s): the end
	last int // where the last match ended, -1 before the first one
}

// next returns the next match's groups, nil after the last one. It raises the budget's error when the slice of VM time is over.
func (m *exprMatches) next(L *lua.LState) []int {
	for m.at <= len(m.s) {
		luaval.CheckBurst(L)
		found := m.x.find(L, m.s, m.at)
		if found == nil {
			m.at = len(m.s) + 1
			return nil
		}
		ignored := false
		if found[1] == m.at { // empty
			ignored = found[0] == m.last
			_, width := utf8.DecodeRuneInString(m.s[m.at:])
			m.at += max(width, 1)
		} else {
			m.at = found[1]
		}
		m.last = found[1]
		if !ignored {
			return found
		}
	}
	return nil
}
