package luart

import (
	"fmt"
	"strings"
)

// statement writes a statement, with those in it.
func (p *luaProgram) statement() {
	p.size--
	deep := p.depth > 5 || p.size < 0
	switch n := p.rand.IntN(100); {
	case n < 14:
		p.locals()
	case n < 34:
		p.assignment()
	case n < 42 || deep:
		p.line("out(%s, %s)", p.expr(p.kind()), p.expr(p.kind()))
	case n < 52:
		p.ifElse()
	case n < 66:
		p.loop()
	case n < 74:
		p.function()
	case n < 79:
		p.protected()
	case n < 83:
		p.coroutine()
	case n < 89:
		p.object()
	case n < 92:
		p.library()
	case n < 96:
		p.feature()
	case n < 97:
		p.line("do")
		p.body()
		p.line("end")
	default:
		p.leave()
	}
}

func (p *luaProgram) locals() {
	if f := p.variable('f'); f.name != "" && p.chance(25) { // results of a call, some of them perhaps nil
		a, b, c := p.fresh('n'), p.fresh('a'), p.fresh('a')
		switch p.rand.IntN(4) {
		case 0:
			p.line("local %s, %s = %s(%s)", a, b, f.name, p.args(1))
		case 1:
			p.line("local %s, %s, %s = %s, %s(%s)", a, b, c, p.expr('n'), f.name, p.args(2))
		case 2:
			p.line("local %s, %s = (%s(%s))", a, b, f.name, p.args(1))
		default:
			p.line("local %s = %s(%s), %s", a, f.name, p.args(1), p.expr('n'))
		}
		p.declare(a, 'n', 0)
		return
	}
	n := 1 + p.rand.IntN(3)
	var names, values []string
	var kinds []byte
	for range n {
		k := p.kind()
		kinds = append(kinds, k)
		names, values = append(names, p.fresh(k)), append(values, p.expr(k))
	}
	p.line("local %s = %s", strings.Join(names, ", "), strings.Join(values, ", "))
	for i, name := range names {
		p.declare(name, kinds[i], 0)
	}
	if p.chance(10) {
		a := p.fresh('a')
		p.line("local %s", a)
		p.declare(a, 'a', 0)
	}
}

// target returns what can be assigned to, of a kind.
func (p *luaProgram) target(kind byte) string {
	if kind == 'n' && p.chance(30) {
		t := p.variable('t').name
		return p.pick(t+".k", t+"['z']", fmt.Sprintf("%s[at(%s, %s)]", t, t, p.expr('n')))
	}
	if kind == 'n' && p.chance(8) {
		return p.pick("gx", "gy")
	}
	if v := p.variable(kind); v.name != "" {
		return v.name
	}
	return "gz"
}

func (p *luaProgram) assignment() {
	if p.chance(40) {
		k := p.kind()
		to := p.target(k)
		value := p.expr(k)
		if f := p.variable('f'); k == 'n' && f.name != "" && p.chance(20) {
			value = p.pick("(", "(2 * ") + f.name + "(" + p.args(1) + "))"
		}
		if k == 's' && p.chance(15) {
			value = fmt.Sprintf("(cut(%s):gsub('a', 'bb'))", to)
		}
		p.line("%s = %s", to, value)
		return
	}
	n := 2 + p.rand.IntN(2)
	var targets, values []string
	var kinds []byte
	for range n {
		k := "nnnnsb"[p.rand.IntN(6)]
		kinds = append(kinds, k)
		targets = append(targets, p.target(k))
	}
	for i := range n {
		switch {
		case p.chance(50): // another target's value, as in a swap
			j := p.rand.IntN(n)
			if kinds[j] == kinds[i] && !strings.Contains(targets[j], "[") && targets[j] != "gz" {
				if kinds[i] == 'n' && strings.ContainsAny(targets[j], ".g") {
					values = append(values, "("+targets[j]+" or 1)")
				} else {
					values = append(values, targets[j])
				}
				continue
			}
			fallthrough
		default:
			values = append(values, p.expr(kinds[i]))
		}
	}
	if f := p.variable('f'); f.name != "" && kinds[n-1] == 'n' && p.chance(25) {
		values[n-1] = f.name + "(" + p.args(1) + ")"
	}
	if p.chance(10) {
		values = append(values, p.expr('n'))
	}
	p.line("%s = %s", strings.Join(targets, ", "), strings.Join(values, ", "))
}

func (p *luaProgram) condition() string {
	if p.chance(12) {
		return p.pick("true", "false", "nil", "1", `"x"`, "not nil", "not 1")
	}
	return p.expr("ba"[p.rand.IntN(2)])
}

func (p *luaProgram) ifElse() {
	p.line("if %s then", p.condition())
	p.body()
	for p.chance(30) {
		p.line("elseif %s then", p.condition())
		p.body()
	}
	if p.chance(50) {
		p.line("else")
		p.body()
	}
	p.line("end")
}

func (p *luaProgram) loop() {
	p.loops++
	defer func() { p.loops-- }()
	vars := len(p.vars)
	defer func() { p.vars = p.vars[:vars] }()
	i, v := p.fresh('n'), p.fresh('a')
	// round is the body of a loop: it may keep functions that see the variables of their round.
	round := func(names ...string) {
		p.depth++
		p.line("tick()")
		if p.chance(35) {
			p.line("fs = fs or {}")
			p.line("fs[#fs + 1] = function(d) %s = %s return %s end", i, p.pick(i+" + (d or 1)", i), strings.Join(append(names, i), ", "))
		}
		p.depth--
		p.body()
	}
	switch p.rand.IntN(9) {
	case 0:
		p.line("for %s = %s do", i, p.pick("1, 4", "3, 1, -1", "0, 1, 0.25", "5, 1", "small("+p.expr('n')+"), 5", "1, small("+p.expr('n')+"), 2"))
		p.declare(i, 'n', 0)
		round()
		p.line("end")
	case 1:
		p.line("for %s, %s in ipairs(%s) do", i, v, p.expr('t'))
		p.declare(i, 'n', 0)
		p.declare(v, 'a', 0)
		round(v)
		p.line("end")
	case 2:
		p.line("for _, %s in spairs(%s) do", i, p.expr('t'))
		p.declare(i, 'n', 0)
		round()
		p.line("end")
	case 3, 4:
		p.line("for %s, %s in %s do", i, v, p.pick("range(3)", "lib().range(3)", "(lib()).range(2)", "step, 3, 0", "count(3)",
			"step, small("+p.expr('n')+"), 0", "require('table') and lib().range(2)", "range(2), 9, 9"))
		p.declare(i, 'n', 0)
		p.declare(v, 'a', 0)
		round(v)
		p.line("end")
	case 5:
		p.names++
		w := fmt.Sprintf("s%d", p.names)
		p.line("for %s in %s do", w, p.pick("lib().sub.words('a bc d')", "("+p.expr('s')+"):gmatch('%w')", "lib().sub.words("+p.expr('s')+")"))
		p.declare(w, 's', 0)
		p.line(" local %s = #%s", i, w)
		p.declare(i, 'n', 0)
		round(w)
		p.line("end")
	case 6:
		p.line("local %s = %s", i, p.pick("0", "1", "-2"))
		p.line("while tick() and %s < 3 and %s do", i, p.pick("true", p.expr('b'), p.expr('a')))
		p.line(" %s = %s + 1", i, i)
		round()
		p.line("end")
		p.declare(i, 'n', 0)
		vars = len(p.vars)
	case 7:
		j := p.fresh('n')
		p.line("local %s = 0", i)
		p.line("repeat")
		p.line(" local %s = %s", j, i)
		p.line(" %s = %s + 1", i, i)
		p.declare(j, 'n', 0)
		round(j)
		p.line("until not tick() or %s >= %s or %s", j, p.pick("2", "3"), p.pick("false", p.expr('b')))
		p.vars = p.vars[:vars]
		p.declare(i, 'n', 0)
		vars = len(p.vars)
	default: // the state of a loop is its own
		p.line("for %s in step, 2, 0 do tick() out(%s) end", i, i)
		p.line("for %s in count(2) do tick() out(%s) end", i, i)
		p.line("if fs then for _, f in ipairs(fs) do tick() out(f(2)) end fs = nil end")
	}
}

func (p *luaProgram) function() {
	name := p.fresh('f')
	outer, loops, vars := p.fn, p.loops, len(p.vars)
	p.fn, p.loops = luaFn{results: 1 + p.rand.IntN(3), varargs: p.chance(30)}, 0
	var params []string
	for range p.rand.IntN(4) {
		params = append(params, p.fresh('n'))
	}
	head := params
	if p.fn.varargs {
		head = append(params[:len(params):len(params)], "...")
	}
	recursive := p.chance(20)
	if p.chance(60) {
		p.line("local function %s(%s)", name, strings.Join(head, ", "))
	} else {
		p.line("local %s = function(%s)", name, strings.Join(head, ", "))
		recursive = false
	}
	results := p.fn.results
	p.depth++
	p.line("tick()")
	for i, param := range params {
		p.declare(param, 'n', 0)
		p.line("%s = %s or %d", param, param, i)
	}
	if recursive && len(params) > 0 {
		p.line("if %s > 3 and %s < 9 then return %s(%s - 1) end", params[0], params[0], name, params[0])
	}
	p.depth--
	p.body()
	p.depth++
	p.line("return %s", p.results())
	p.depth--
	p.line("end")
	p.fn, p.loops, p.vars = outer, loops, p.vars[:vars]
	p.declare(name, 'f', results)
}

// results is what the function returns: as many numbers as it always does.
func (p *luaProgram) results() string {
	p.budget = 10
	if f := p.variable('f'); f.name != "" && f.results == p.fn.results && p.chance(40) {
		return fmt.Sprintf("%s(%s)", f.name, p.args(1)) // a tail call
	}
	return p.args(p.fn.results)
}

// leave is a return or a break in the middle.
func (p *luaProgram) leave() {
	switch {
	case p.loops > 0 && p.chance(60):
		p.line("if %s then break end", p.expr('b'))
	case p.fn.results > 0:
		p.line("if %s then return %s end", p.expr('b'), p.results())
	case p.loops > 0:
		p.line("do break end")
	}
}

func (p *luaProgram) protected() {
	outer, loops := p.fn, p.loops
	p.fn, p.loops = luaFn{results: 1}, 0
	p.line("out(try(function(x)")
	p.body()
	p.depth++
	switch p.rand.IntN(7) {
	case 0:
		p.line("if %s then error(%s, 0) end", p.expr('b'), p.pick(`"!low"`, "{ code = "+p.expr('n')+" }", "nil", "7"))
	case 1:
		p.line("if %s then error(%s) end", p.expr('b'), p.pick(`"!here"`, `"!up", 2`))
	case 2:
		p.line("local y = %s", p.pick("nil + 1", "nil .. 'x'", "nope.x", "x.y.z", "#nil", "nope()", "{} < {}", "1 < 'x'", "-{}", "x:nope()", "('x').y.z"))
		p.line("out(y)")
	}
	p.line("return %s, %s", p.expr('a'), p.expr('n'))
	p.depth--
	p.line("end, %s))", p.expr('n'))
	p.fn, p.loops = outer, loops
}

func (p *luaProgram) coroutine() {
	p.names++
	co, outer, loops, vars := fmt.Sprintf("co%d", p.names), p.fn, p.loops, len(p.vars)
	p.fn, p.loops = luaFn{results: 1, varargs: true}, 0
	x, y := p.fresh('n'), p.fresh('a')
	p.line("local %s = coroutine.create(function(%s, ...)", co, x)
	p.declare(x, 'n', 0)
	p.depth++
	p.line("local %s = coroutine.yield(%s, %s)", y, x, p.expr('n'))
	p.declare(y, 'a', 0)
	p.depth--
	p.body()
	p.depth++
	p.line("for i = 1, 2 do %s = coroutine.yield(i, %s) end", y, y)
	if p.chance(20) {
		p.line("error(%s)", p.pick("'!co'", "{1}"))
	}
	p.line("return %s, coroutine.yield((%s))", p.expr('n'), p.expr('n'))
	p.depth--
	p.line("end)")
	p.fn, p.loops, p.vars = outer, loops, p.vars[:vars]
	p.line("for i = 1, 6 do")
	p.line(" tick()")
	p.line(" local ok, u, v = coroutine.resume(%s, i, %s)", co, p.expr('n'))
	p.line(" out(ok, ok and u or fault(u), v, coroutine.status(%s))", co)
	p.line("end")
}

// object is a table with a metatable.
func (p *luaProgram) object() {
	p.names++
	o := fmt.Sprintf("o%d", p.names)
	outer, loops := p.fn, p.loops
	p.fn, p.loops = luaFn{results: 1}, 0
	p.line("local %s = { v = %s }", o, p.expr('n'))
	p.line("local m%s = {", o)
	p.depth++
	p.line("__index = %s,", p.pick("function(t, k) return k == 'w' and t.v or nil end", "{ w = "+p.expr('n')+" }",
		"setmetatable({}, { __index = function(_, k) return k end })"))
	if p.chance(40) {
		p.line("__newindex = %s,", p.pick("function(t, k, v) rawset(t, k, v and v + 1) end", "{}", "function() error('!ro') end"))
	}
	for _, op := range []string{"add", "sub", "mul", "div", "mod", "pow"} {
		if p.chance(40) {
			p.line("__%s = function(a, b) tick() return %s end,", op, p.pick("type(a) .. type(b)", "(type(a) == 'table' and a.v or a)", p.expr('n'), "a, b"))
		}
	}
	if p.chance(60) {
		p.line("__concat = function(a, b) return type(a) .. type(b) end,")
	}
	p.line("__unm = function(a) return a.v end,")
	p.line("__call = function(self, ...) return select('#', ...), %s end,", p.pick("...", "(...)", "self.v, ..."))
	if p.chance(70) {
		p.line("__eq = function(a, b) return %s end,", p.pick("a.v == b.v", "nil", "1"))
		p.line("__lt = function(a, b) return %s end,", p.pick("a.v < b.v", "b.v", "nil"))
	}
	if p.chance(40) {
		p.line("__le = function(a, b) return %s end,", p.pick("a.v <= b.v", "false"))
	}
	p.line("__len = function() return 42 end, __tostring = function(a) return 'o' .. S(a.v) end,")
	p.depth--
	p.line("}")
	p.line("setmetatable(%s, m%s)", o, o)
	p.line("local q%s = setmetatable({ v = %s }, m%s)", o, p.expr('n'), o)
	uses := []string{
		"%[1]s + 1", "2 - %[1]s", "%[1]s * %[1]s", "%[1]s / q%[1]s", "%[1]s %% 2", "%[1]s ^ 2", "%[1]s .. 'x'", "1 .. %[1]s", "'a' .. 'b' .. %[1]s .. 'c'",
		"-%[1]s", "%[1]s == q%[1]s", "%[1]s ~= q%[1]s", "%[1]s < q%[1]s", "%[1]s <= q%[1]s", "%[1]s > q%[1]s", "not (%[1]s >= q%[1]s)", "#%[1]s", "%[1]s(1, nil)", "(%[1]s(3))",
		"%[1]s.w", "%[1]s.none", "tostring(%[1]s)", "rawget(%[1]s, 'w')", "%[1]s < 1", "%[1]s == 1", "getmetatable(%[1]s) == m%[1]s", "next(%[1]s) ~= nil", "rawequal(%[1]s, q%[1]s)",
	}
	for range 2 + p.rand.IntN(3) {
		p.line("out(try(function() return "+uses[p.rand.IntN(len(uses))]+" end))", o)
	}
	p.line("out(try(function() %s.fresh = %s return rawget(%s, 'fresh'), %s.v end))", o, p.expr('n'), o, o)
	p.line("%s = %s", p.target('b'), fmt.Sprintf(p.pick("%[1]s == q%[1]s", "not %[1]s.w and %[1]s == 1", "%[1]s ~= nil and not %[1]s.none"), o))
	p.fn, p.loops = outer, loops
}

func (p *luaProgram) library() {
	t := p.variable('t').name
	which := p.rand.IntN(10)
	if (which == 2 || which == 3) && p.fn.results >= 0 { // not in the middle of t[#t + 1] = f()
		which = 9
	}
	switch which {
	case 0:
		p.line("table.insert(%s, (%s))", t, p.expr('n'))
	case 1:
		p.line("table.insert(%s, at(%s, %s), %s)", t, t, p.expr('n'), p.leaf('n'))
	case 2:
		p.line("out(table.remove(%s), #%s)", t, t)
	case 3:
		p.line("out(table.remove(%s, 1))", t)
	case 4:
		p.line("out(try(function() if ordered(%s) then table.sort(%s%s) end return %s end))", t, t, p.pick("", ", function(a, b) return a > b end"), t)
	case 5:
		p.line("out(unpack(whole(%s)))", p.expr('t'))
	case 6:
		p.line("out(cut(%s):find(%s%s))", p.expr('s'), p.pattern(), p.pick("", ", 2", ", 1, true"))
	case 7:
		p.line("out(cut(%s):gsub(%s, %s))", p.expr('s'), p.pattern(), p.pick(`"<%0>"`, "string.upper", `{}`, `"x", 1`))
	case 8:
		p.line("out(cut(%s):byte(1, -1))", p.expr('s'))
	default:
		p.line("out(math.modf(small(%s)), math.floor(%s), table.maxn(%s), next({}))", p.expr('n'), p.expr('n'), t)
	}
}
