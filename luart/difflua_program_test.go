package luart

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// luaProgram writes a random program for TestDiffLua. Variables have kinds, so that most of what it
// says works: n is a number, s a string, b a boolean, t a list of numbers with fields, f a function
// of numbers, a what may be nil.
type luaProgram struct {
	rand   *rand.Rand
	text   strings.Builder
	vars   []luaVar
	names  int
	depth  int // of blocks
	size   int // statements to come
	loops  int // that a break would leave
	fn     luaFn
	budget int // of expressions in a statement
}

type luaVar struct {
	name    string
	kind    byte
	results int // of a function
}

type luaFn struct {
	varargs bool
	results int // -1: the main chunk
}

func newLuaProgram(r *rand.Rand) string {
	p := &luaProgram{rand: r, size: 12 + r.IntN(30), fn: luaFn{varargs: true, results: -1}}
	p.line("local n0, n1, s0, b0, a0, t0 = 3, 0.5, 'abc', true, nil, {1, 2, 3, k = 4}")
	p.vars = []luaVar{{"n0", 'n', 0}, {"n1", 'n', 0}, {"s0", 's', 0}, {"b0", 'b', 0}, {"a0", 'a', 0}, {"t0", 't', 0}}
	for p.size > 0 {
		p.statement()
	}
	p.line("out(n0, n1, s0, b0, a0, t0)")
	return p.text.String()
}

func (p *luaProgram) line(format string, args ...any) {
	fmt.Fprintf(&p.text, "%s%s\n", strings.Repeat(" ", p.depth), fmt.Sprintf(format, args...))
}

func (p *luaProgram) chance(percent int) bool { return p.rand.IntN(100) < percent }

func (p *luaProgram) pick(from ...string) string { return from[p.rand.IntN(len(from))] }

// variable returns a variable of a kind in scope, the inner ones more often.
func (p *luaProgram) variable(kind byte) luaVar {
	var of []luaVar
	seen := map[string]bool{}
	for i := len(p.vars) - 1; i >= 0; i-- {
		if v := p.vars[i]; !seen[v.name] {
			seen[v.name] = true
			if v.kind == kind {
				of = append(of, v)
			}
		}
	}
	if len(of) == 0 {
		return luaVar{}
	}
	return of[min(p.rand.IntN(len(of)), p.rand.IntN(len(of)))]
}

// fresh names a variable; now and then one that hides another.
func (p *luaProgram) fresh(kind byte) string {
	if v := p.variable(kind); kind != 'f' && p.chance(15) && v.name != "" && v.name[1] != '0' {
		return v.name
	}
	p.names++
	return fmt.Sprintf("%c%d", kind, p.names)
}

func (p *luaProgram) declare(name string, kind byte, results int) {
	p.vars = append(p.vars, luaVar{name, kind, results})
}

// block writes statements one level further in.
func (p *luaProgram) block(n int) {
	vars := len(p.vars)
	p.depth++
	for range n {
		p.statement()
	}
	p.depth--
	p.vars = p.vars[:vars]
}

func (p *luaProgram) body() { p.block(1 + p.rand.IntN(3)) }

func (p *luaProgram) kind() byte { return "nnnssbbat"[p.rand.IntN(9)] }

func (p *luaProgram) expr(kind byte) string {
	p.budget = 6 + p.rand.IntN(10)
	return p.e(kind)
}

func (p *luaProgram) args(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = p.e('n')
	}
	return strings.Join(list, ", ")
}

// e is an expression of a kind.
func (p *luaProgram) e(kind byte) string {
	p.budget--
	if p.budget < 0 || p.chance(15) {
		return p.leaf(kind)
	}
	if p.chance(12) {
		return p.choice(kind)
	}
	switch kind {
	case 'n':
		return p.number()
	case 's':
		return p.string()
	case 'b':
		return p.boolean()
	case 't':
		return p.table()
	}
	if p.chance(10) {
		return p.pick("nil", "false")
	}
	if p.chance(50) { // and, or, not: of any kinds
		return fmt.Sprintf("%s %s %s", p.operand('a'), p.pick("and", "or"), p.operand("ansb"[p.rand.IntN(4)]))
	}
	return p.e("nsbb"[p.rand.IntN(4)])
}

// operand is an expression that may stand beside an operator.
func (p *luaProgram) operand(kind byte) string {
	e := p.e(kind)
	if strings.ContainsAny(e, " -") && !p.chance(5) || strings.HasPrefix(e, "{") {
		return "(" + e + ")"
	}
	return e
}

// choice is x and y or z, in the ways that leave a value of the kind.
func (p *luaProgram) choice(kind byte) string {
	c, x, y := p.operand('b'), p.operand(kind), p.operand(kind)
	if kind == 'b' || kind == 'a' {
		return p.pick(
			fmt.Sprintf("%s and %s or %s", c, x, y), fmt.Sprintf("not %s and %s", x, y), fmt.Sprintf("not %s or not %s", x, c),
			fmt.Sprintf("%s and (%s == %s)", x, y, c), fmt.Sprintf("not (%s and %s)", x, y))
	}
	return p.pick(fmt.Sprintf("%s and %s or %s", c, x, y), fmt.Sprintf("(not %s and %s or %s)", c, x, y),
		fmt.Sprintf("(%s or false) and %s or %s", c, x, y), fmt.Sprintf("(nil or %s)", x))
}

func (p *luaProgram) leaf(kind byte) string {
	if v := p.variable(kind); v.name != "" && p.chance(75) {
		return v.name
	}
	switch kind {
	case 'n':
		return p.pick("0", "1", "2", "3", "7", "10", "0.5", "2.5", "100", "1e3", "0x1F", "4")
	case 's':
		return p.pick(`"a"`, `"xyz"`, `""`, `"a b c"`, `"12"`, `[[q]]`, `"A1,B2"`, `'\65\n\0z'`)
	case 'b':
		return p.pick("true", "false")
	case 't':
		return p.pick("{}", "{1}", "{3, 2, 1}", "{k = 1}")
	}
	return p.pick("nil", "false", "1", `"s"`, "true")
}

func (p *luaProgram) number() string {
	if f := p.variable('f'); f.name != "" && p.chance(20) {
		call := fmt.Sprintf("%s(%s)", f.name, p.args(p.rand.IntN(3)))
		if p.chance(30) {
			return "(" + call + ")"
		}
		return call
	}
	switch p.rand.IntN(22) {
	case 0, 1, 2, 3, 4, 5:
		return fmt.Sprintf("%s %s %s", p.operand('n'), p.pick("+", "-", "*", "+", "-"), p.operand('n'))
	case 6:
		return fmt.Sprintf("%s / %s", p.operand('n'), p.pick("nz("+p.e('n')+")", "2", "4", "zero"))
	case 7:
		return fmt.Sprintf("%s %% %s", p.operand('n'), p.pick("3", "7", "-4", "2.5", "10"))
	case 8:
		return fmt.Sprintf("nz(small(%s)) ^ %s", p.e('n'), p.pick("2", "3", "0", "-1"))
	case 9:
		if e := p.operand('n'); e != "0" { // lua5.1 keeps one constant for 0 and -0, the first that it meets
			return "- " + e
		}
	case 10:
		return "#" + p.operand("st"[p.rand.IntN(2)])
	case 11:
		t := p.variable('t').name
		return fmt.Sprintf("(%s[at(%s, %s)] or %s)", t, t, p.e('n'), p.e('n'))
	case 12:
		return fmt.Sprintf("(%s.k or %s)", p.variable('t').name, p.e('n'))
	case 13:
		return fmt.Sprintf("math.%s", p.pick(
			"max("+p.e('n')+", "+p.e('n')+")", "min("+p.e('n')+", "+p.e('n')+", 1)", "abs("+p.e('n')+")", "floor("+p.e('n')+")",
			"ceil("+p.e('n')+")", "fmod(small("+p.e('n')+"), 4)"))
	case 14:
		return fmt.Sprintf("(%s:byte(%s) or 0)", p.operandString(), p.pick("1", "2", "-1", "9"))
	case 15:
		return p.pick(`"10"`, `" 0x10 "`, `"1e1"`, `"010"`) + p.pick(" + ", " * ", " - ") + p.operand('n')
	case 16:
		return p.pick(`tonumber("12")`, `tonumber("z", 36)`, `(tonumber("1x") or 5)`, `tonumber(" 7 ")`, `tonumber("ff", 16)`)
	case 17:
		return fmt.Sprintf("(select(%s, %s))", p.pick("1", "2", "-1"), p.args(2+p.rand.IntN(2)))
	case 18:
		return fmt.Sprintf("select('#', %s)", p.pick(p.e('n'), "nil, nil", p.e('n')+", "+p.e('a'), "unpack(whole("+p.e('t')+"))"))
	case 19:
		if p.fn.varargs {
			return p.pick("select('#', ...)", "((...) or 1)", "#{...}", "(select(2, ...) or 0)")
		}
		return fmt.Sprintf("(%s:find(%s) or 0)", p.operandString(), p.pattern())
	case 20:
		return fmt.Sprintf("(function(x, ...) return %s end)(%s)", p.pick("x", "x + select('#', ...)", "(... or x)", "x or 2"), p.args(1+p.rand.IntN(3)))
	}
	return p.leaf('n')
}

func (p *luaProgram) pattern() string {
	return p.pick(`"%a+"`, `"%d"`, `"^a"`, `"(%w)(%w)"`, `"[^,]*"`, `"b-c"`, `"%s*"`, `"."`, `"x?y"`)
}

// operandString is a string that can be indexed.
func (p *luaProgram) operandString() string {
	if v := p.variable('s'); v.name != "" && p.chance(70) {
		return v.name
	}
	return "(" + p.e('s') + ")"
}

func (p *luaProgram) string() string {
	switch p.rand.IntN(12) {
	case 0, 1, 2:
		n := 2 + p.rand.IntN(3)
		parts := make([]string, n)
		for i := range parts {
			parts[i] = p.pick("cut("+p.e('s')+")", "S("+p.e('n')+")", "num("+p.e('n')+") ", `"-"`, "7 ", "cut("+p.leaf('s')+")", "tostring("+p.e('b')+")")
		}
		return strings.Join(parts, " .. ")
	case 3:
		return fmt.Sprintf("%s:sub(%s, %s)", p.operandString(), p.pick("1", "2", "-2", "0"), p.pick("-1", "2", "3", "-2"))
	case 4:
		return fmt.Sprintf("cut(%s):%s()", p.e('s'), p.pick("upper", "lower", "reverse"))
	case 5:
		return fmt.Sprintf("cut(%s):rep(%s)", p.e('s'), p.pick("0", "1", "2", "-1"))
	case 6:
		return fmt.Sprintf("(cut(%s):gsub(%s, %s))", p.e('s'), p.pattern(), p.pick(`"<%0>"`, `"%1%1"`, `{a = "b", x = false}`, "function(c) return c ~= 'a' and c:upper() end", `"-"`))
	case 7:
		return fmt.Sprintf("string.format(%s, %s)", p.pick(`"%d"`, `"%5.2f"`, `"%x"`, `"%03d|"`, `"%-4d"`, `"%g"`, `"%c"`), "33 + small("+p.e('n')+")")
	case 8:
		return fmt.Sprintf("string.format('%%s%%q', tostring(%s), cut(%s))", p.e('b'), p.leaf('s'))
	case 9:
		return fmt.Sprintf("table.concat({%s}, %s)", p.pick(`"a", "b"`, "1, 2, 3", "S("+p.e('n')+"), "+p.leaf('s'), "num("+p.e('n')+"), num("+p.e('n')+")"), p.pick(`","`, `""`))
	case 10:
		return fmt.Sprintf("type(%s)", p.e('a'))
	}
	return fmt.Sprintf("(cut(%s):match(%s) or %s)", p.e('s'), p.pick(`"%a+"`, `"^.."`, `"(%d+)"`, `"()z?"`), p.leaf('s'))
}

func (p *luaProgram) boolean() string {
	switch p.rand.IntN(8) {
	case 0, 1, 2:
		return fmt.Sprintf("%s %s %s", p.operand('n'), p.pick("<", ">", "<=", ">=", "==", "~="), p.operand('n'))
	case 3:
		return fmt.Sprintf("%s %s %s", p.operand('s'), p.pick("==", "~=", "<", ">="), p.operand('s'))
	case 4:
		return "not " + p.operand("abn"[p.rand.IntN(3)])
	case 5:
		return fmt.Sprintf("%s %s %s", p.operand('a'), p.pick("==", "~="), p.pick("nil", "false", "true", p.leaf('a')))
	case 6:
		return fmt.Sprintf("%s %s %s", p.operand('b'), p.pick("and", "or"), p.operand('b'))
	}
	return fmt.Sprintf("rawequal(%s, %s)", p.leaf('a'), p.leaf('a'))
}

func (p *luaProgram) table() string {
	var fields []string
	for range p.rand.IntN(5) {
		fields = append(fields, p.pick(p.e('n'), p.e('n'), "k = "+p.e('n'), "k"+p.pick("1", "2")+" = "+p.e('n'), "[\"z\"] = "+p.e('n')))
	}
	if f := p.variable('f'); f.name != "" && p.chance(25) {
		fields = append(fields, f.name+"("+p.args(1)+")")
	}
	if p.fn.varargs && p.chance(15) {
		fields = append(fields, "...")
	}
	if p.chance(10) {
		fields = append(fields, "k = "+p.e('n'))
	}
	return "{" + strings.Join(fields, ", ") + "}"
}
