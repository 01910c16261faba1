package luart

import (
	"fmt"
	"strconv"
	"strings"
)

// feature writes a few statements about one thing in the language that other statements seldom
// meet.
func (p *luaProgram) feature() {
	p.names++
	x := fmt.Sprintf("x%d", p.names)
	outer, loops := p.fn, p.loops
	p.fn, p.loops = luaFn{results: 1}, 0
	features := []func(x string){
		p.order, p.numericFor, p.chains, p.environment, p.handlers, p.wrapped, p.sharedUpvalues, p.methods,
		p.listsAsArguments, p.keys, p.texts, p.numerals, p.accessors, p.tailCalls, p.comparisons, p.nestedLoops,
	}
	features[p.rand.IntN(len(features))](x)
	p.fn, p.loops = outer, loops
}

// put writes a line whose %1, %2 and %3 are values. It needs not have all of them.
func (p *luaProgram) put(text string, values ...string) {
	for i, v := range values {
		text = strings.ReplaceAll(text, "%"+strconv.Itoa(i+1), v)
	}
	p.line("%s", text)
}

// order shows in what order the parts of a statement are computed, and metamethods are called.
func (p *luaProgram) order(x string) {
	p.line("local %s = setmetatable({}, { __index = function(_, k) out('get', k) return k end,", x)
	p.line(" __newindex = function(_, k, v) out('set', k, v) end, __call = function(_, ...) out('call', ...) return ... end,")
	p.line(" __add = function(a, b) out('add', type(a), type(b)) return 1 end, __concat = function(a, b) out('cat', type(a), type(b)) return 'c' end,")
	p.line(" __lt = function(a, b) out('lt') return true end, __eq = function() out('eq') return false end })")
	for range 1 + p.rand.IntN(3) {
		p.put(p.pick(
			"%1[mark(1)], %1[mark(2)] = mark(3), mark(4)", "%1.a, %1.b, %1.c = %1.x, %1(1, 2)",
			"out(%1[mark(1)] .. %1[mark(2)] .. mark(3))", "out(mark(1) + mark(2) * mark(3) - mark(4), mark(5))",
			"out({ mark(1), a = mark(2), [mark(3)] = mark(4), %1(mark(5), mark(6)) })",
			"out(%1(mark(1), (%1(mark(2), mark(3))), %1(4, 5)))", "out(%1 + mark(1), mark(2) + %1, %1 .. mark(3) .. mark(4))",
			"out(mark(1) < mark(2) and mark(3) or mark(4), not mark(5) or mark(6))", "local a, b = %1(mark(1)), %1.y, mark(2) out(a, b)",
			"out(%1 < %1, %1 > %1, %1 <= %1, %1 == %1, %1 ~= {})", "%1[%1.k] = %1[%1.l]",
			"gx, %1.p, gx = mark(1), mark(2), mark(3) out(gx)", "for i = mark(1), mark(2), mark(1) do tick() mark(i) end",
			"local n0 = %1.v out(n0, %1:w(mark(7)))"), x)
	}
}

func (p *luaProgram) numericFor(x string) {
	from := p.pick("1", "0", "-2", "0.5", "2.5", "nz(small("+p.e('n')+"))", "'2'")
	to := p.pick("3", "1", "-1", "2.25", "nz(small("+p.e('n')+"))", "'4'", "1/0")
	step := p.pick("1", "0.5", "-1", "-0.75", "2", "0.1", "'1'", "1e300", "-1/0")
	p.line("local %s = 0", x)
	p.line("for i = %s, %s, %s do tick() %s = %s + 1 out(num(i)) local j = i i = 'x' if %s > %s then break end end", from, to, step, x, x, x, p.pick("2", "5"))
	p.line("out(%s)", x)
}

// chains are calls and indexes in a row.
func (p *luaProgram) chains(x string) {
	p.line("local %s = { a = { b = function(self, s) return type(s) == 'table' and #s or s end, [1] = { c = 'str' } } }", x)
	p.line("function %s.a:d(...) return self, select('#', ...), ... end", x)
	p.line("function %s.f(...) local n = select('#', ...) return function(s) return { n = n, s = s } end end", x)
	for range 1 + p.rand.IntN(3) {
		p.put("out("+p.pick("%1.a:b'x'", "%1.a:b{1, 2}", "%1['a']:b[[y]]", "%1.a[1].c:upper():rep(2)", "%1.f(1, nil)'t'.s",
			"%1.f{}{}.n", "(%1.a:d(1)):b(2)", "select('#', %1.a:d(%2, nil))", "%1.a:d().b(nil, %2)", "#%1.a[1].c",
			"-#%1.a", "%1.f''{}.s == nil", "('%d'):format(small(%2)):len()", "(%1.f)(%1.a:d())(4).n", "%1.a[#%1.a].c")+")", x, p.e('n'))
	}
}

func (p *luaProgram) environment(x string) {
	p.line("local %s = { out = out, q = %s }", x, p.e('n'))
	p.put(p.pick(
		"out(setfenv(function() q, r = r, q return q, r end, %1)(), %1.q, %1.r)",
		"local f%1 = setfenv(function(v) q = v return function() return q end end, %1) out(f%1(5)(), %1.q, getfenv(f%1) == %1)",
		"out(setfenv(loadstring('q = (q or 0) + 1 return q, ...'), %1)(1, nil, 2), %1.q)",
		"(function() setfenv(1, setmetatable(%1, { __index = getfenv() })) gy = q out(gy, rawget(%1, 'gy')) end)() out(gy)",
		"out(pcall(setfenv(function() return undefined end, {})), getfenv(1) == getfenv(), loadstring('x = = 1') == nil)",
		"out(loadstring('return 1, ...')(2, 3), (loadstring('local a <= 1')))"), x)
}

// handlers are xpcall and error with levels, one in another.
func (p *luaProgram) handlers(x string) {
	p.line("local function %s(l) error('!e', l) end", x)
	p.put(p.pick(
		"out(xpcall(function() %1(%2) end, function(e) out('h', fault(e)) return fault(e), 2 end))",
		"out(try(function() local function g() %1(%2) end g() end))",
		"out(try(function() local ok, e = pcall(%1, 0) out(ok, e) error(e, 0) end))",
		"out(select('#', pcall(%1, 0)), xpcall(function() return 1, nil end, error))",
		"out(try(function() local ok, e = pcall(error, { c = %3 }) error(e) end))",
		"out(xpcall(function() local y = nil; return y.z end, function(e) local ok, f = pcall(%1, 0) return fault(e) .. tostring(f) end))",
		"out(pcall(pcall, error, 1), pcall(pcall), pcall(error))",
		"out(try(function(...) return select('#', ...), pcall(error, ...) end, nil, nil))",
		"for i = 1, 2 do local n0 = i tick() pcall(function() n0 = n0 + 1 %1(0) end) out(n0) end"), x, p.pick("0", "1", "2", "3"), p.e('n'))
}

// wrapped is a coroutine that raises nothing: lua5.1 puts a position in front of what arrives from
// one.
func (p *luaProgram) wrapped(x string) {
	p.line("local %s = coroutine.wrap(function(...)", x)
	p.line(" local n, a = select('#', ...), ...")
	p.line(" for i = 1, 2 do local function k() return coroutine.yield(i, n, a) end a = %s end", p.pick("k()", "(k())", "{ k() }", "select('#', k())"))
	p.line(" return 'end', %s", p.leaf('n'))
	p.line("end)")
	p.line("out(%s(1, nil), %s(%s))", x, x, p.e('n'))
	p.line("for u, v in %s do tick() out(u, v) if u == 'end' then break end end", x)
	p.line("out(pcall(coroutine.status, %s) == false, coroutine.running() == nil, type(coroutine.create(function() end)))", x)
}

func (p *luaProgram) sharedUpvalues(x string) {
	p.line("local %s = {}", x)
	p.line("for i = 1, 3 do")
	p.line(" tick()")
	p.line(" local n = i * 10")
	p.line(" %s[i] = { function(d) n = n + (d or i) return n end, function() return n, i end }", x)
	p.line(" %s", p.pick("if i == 2 then break end", "i = 7", "n = n + 1", "do local i = n n = i + 1 end", "repeat local i = n n = n + 1 until i > 0", ""))
	p.line("end")
	p.put("for k = 1, #%1 do tick() out(%1[k][1](), %1[k][2]()) out(%1[k][1](%2), %1[1][2]()) end", x, p.e('n'))
}

func (p *luaProgram) methods(x string) {
	p.line("local %s = { n = %s } %s.__index = %s", x, p.e('n'), x, x)
	p.line("function %s.new(n, ...) local o = setmetatable({ n = n, rest = { ... } }, %s) return o, ... end", x, x)
	p.line("function %s:add(d) self.n = (self.n or 0) + (d or 1) return self end", x)
	p.put("local d%1 = setmetatable({ __index = function(t, k) return %1[k] end }, %1)", x)
	p.put("function d%1.new(...) local o = %1.new(...) return setmetatable(o, d%1) end", x)
	p.put("function d%1:add(d, ...) return %1.add(self, d and -d), select('#', ...) end", x)
	p.line("local o = %s%s.new(%s, 2, nil)", p.pick("", "d"), x, p.e('n'))
	p.put("out(num(o:add().n), num(o:add(%2):add(2).n), #o.rest, o.none, rawget(o, 'add') == nil, getmetatable(o) == %1)", x, p.e('n'))
}

// listsAsArguments has ... and calls of many results at the end and in the middle.
func (p *luaProgram) listsAsArguments(x string) {
	p.line("local function %s(...)", x)
	p.line(" local a, b = ...")
	p.line(" local c, d = (...), ...")
	p.line(" return %s", p.pick("..., a", "a, ...", "(...), b", "{ ..., a }, { a, ... }", "select(2, ...)", "select(-1, 0, ...)", "c, d, select('#', ...)",
		"(function(...) return select('#', ...), ... end)(..., b)", "#{ ... }, #{ ..., nil }, #{ (...) }", "unpack({ ... }, 2, 4)", "math.max(1, ...)"))
	p.line("end")
	args := p.pick("1", "1, 2, 3", "4, 5", "num("+p.e('n')+"), 7", "3, 2, 1, 0")
	p.put("out(%1(%2)) out(1, %1(%2)) out(%1(%2), 2) out((%1(%2)))", x, args)
	p.put("out({ %1(%2), %1(%2) }, select('#', %1(%2)), type(%1(%1(%2))))", x, args)
}

func (p *luaProgram) keys(x string) {
	key := func() string {
		return p.pick("1", "'1'", "1.0", "2 / 2", "0.5", "-1", "'x'", "true", "2^53", "1e15", "0x1", "'a b'", "3", "1e300", "-0.5", "num("+p.e('n')+")", "cut("+p.e('s')+")")
	}
	p.line("local %s = { [%s] = 1, [%s] = 2, %s, n = %s }", x, key(), key(), p.pick("3", "nil", "3, 4"), p.e('n'))
	p.put("%1[%2], %1[%3] = %4, %5", x, key(), key(), p.pick("nil", "5"), p.pick("6", "nil", "false"))
	p.put("out(%1, %1[%2], %1[%3], rawget(%1, %2))", x, key(), key())
	p.put("local c = 0 for k in pairs(%1) do tick() c = c + 1 %2 end out(c, next(%1) == nil)", x, p.pick("", x+"[k] = nil", x+"[k] = 0"))
}

// texts are the ways to write a string, and what the library makes of them.
func (p *luaProgram) texts(x string) {
	p.line("local %s = %s", x, p.pick(`"\65\066\0067\0\255"`, `'\a\b\f\n\r\t\v\\\"\''`, "\"a\\\nb\"", "[[\na\n]]", "[==[a]]b]=]]==]", `'\q\z\x41'`, "[[\\n]]", `"it's" .. 'a "q"'`, `"%d %s"`))
	for range 1 + p.rand.IntN(2) {
		p.put("out("+p.pick("%1, #%1", "%1:byte(1, -1)", "%1:format(1, 2, 3)", "('%q'):format(%1)", "%1:gsub('%c', '.')", "%1:find('%s', 1)",
			"%1:rep(2):sub(-5, -2)", "%1:gsub('.', { a = 'A', ['\\n'] = false, b = 1 })", "%1:gsub('%w', function(c) return c:byte() end, 2)",
			"%1 < %2, %1 == %2", "%1:match('^(.-)%s*$')", "%1:gsub('%f[%w]%w+', '<%0>')", "('[%s]'):format((%1:gsub('%z', '0')))", "%1:gsub('', '-')",
			"%1:reverse():upper():lower()", "('x'):rep(3, %1) ~= nil", "%1:match('()%a+()')", "%1:gsub('(%a)(%a)', '%0%0')", "%1:find('a', -2, true)",
			"table.concat({ %1, num(%3), %1 }, %1, 2, 3)", "%1 .. num(%3) .. %1", "tostring(num(%3)):len(), tonumber(%1)")+")", x, p.e('s'), p.e('n'))
	}
}

func (p *luaProgram) numerals(string) {
	numeral := func() string {
		return p.pick("0x10", "0XfF", "1e2", "1E-2", ".5", "5.", "3.25e1", "1e+1", "007", "0x7fffffff", "2^31", "1e15", "123456789012", "1/3", "-1.5", "0.1", "1e-7", "2^-10")
	}
	a, b := numeral(), numeral()
	p.line("out(%s, %s .. '', %s .. '|' .. %s, num(%s * %s) .. '')", a, b, a, b, a, b)
	p.line("out(%s)", p.pick("tonumber('"+strings.Trim(a, "-")+"')", "tonumber('10', "+p.pick("2", "8", "16", "36")+")", "tostring("+a+")", "("+a+") % ("+b+")", "math.floor("+a+")",
		"('%g %d %5.1f %x'):format("+a+", small("+b+"), "+a+", 255)", a+" < "+b+", "+a+" == "+b, "'"+p.pick("0x10", " 5 ", "1e1", "-3")+"' + ("+a+")", "math.modf("+a+")", "math.frexp("+a+")",
		"math.max("+a+", "+b+"), math.min("+a+", "+b+")", "-("+a+") - -("+b+")", "os.date('!%Y-%m-%d %H:%M:%S', math.floor(math.abs("+a+")) % 2^31)"))
}

// accessors are chains of __index and __newindex.
func (p *luaProgram) accessors(x string) {
	p.line("local b%s = { base = %s }", x, p.e('n'))
	p.put("local m%1 = setmetatable({ mid = 1 }, { __index = b%1, __newindex = %2 })", x, p.pick("b"+x, "function(t, k, v) rawset(t, k, v == nil and 'none' or v) end", "nil"))
	p.put("local %1 = setmetatable({ own = 0 }, { __index = %2, __newindex = %3 })", x,
		p.pick("m"+x, "function(t, k) return m"+x+"[k] end"), p.pick("m"+x, "function(t, k, v) m"+x+"[k] = v rawset(t, k .. '2', v) end"))
	p.put("%1.own, %1.mid, %1.fresh, %1.base = 1, %2, %3, nil", x, p.e('n'), p.e('a'))
	p.put("out(%1.own, %1.mid, %1.fresh, %1.base, %1.none) out(%1, m%1, b%1)", x)
}

func (p *luaProgram) tailCalls(x string) {
	p.line("local function %s(n, ...) tick() if n <= 0 then return %s end return %s end", x, p.pick("...", "n, ...", "select('#', ...)", "(...)"),
		p.pick(x+"(n - 1, n, ...)", x+"(n - 1, ...)", "(function(...) return "+x+"(...) end)(n - 1, ...)", "("+x+"(n - 1, ...))", x+"(n - 2, "+x+"(n - 3, n))"))
	p.line("out(%s(%s, 'r'))", x, p.pick("0", "3", "8"))
}

// comparisons are of values of one type and of several, which raises.
func (p *luaProgram) comparisons(x string) {
	value := func() string {
		return p.pick("1", "'1'", "'a'", "nil", "true", "{}", "0/0", "1/0", "'B'", "''", p.leaf('n'), p.leaf('s'), p.leaf('a'))
	}
	op := p.pick("<", "<=", ">", ">=", "==", "~=", "==", "~=")
	p.line("out(try(function() return (%s) %s (%s), not ((%s) %s (%s)) end))", value(), op, value(), value(), op, value())
	p.line("local %s = (%s) %s (%s)", x, value(), p.pick("==", "~="), value())
	p.line("out(%s, %s and 1 or 2, not %s == true)", x, x, x)
}

func (p *luaProgram) nestedLoops(x string) {
	p.line("local %s, fs%s = 0, {}", x, x)
	p.line("for i = 1, 3 do")
	p.line(" local j = 0")
	p.line(" while tick() do")
	p.line("  j = j + 1")
	p.line("  local k = i * 10 + j")
	p.line("  fs%s[#fs%s + 1] = function() k = k + 1 return k, i, j end", x, x)
	p.line("  if %s then break end", p.pick("j > 2", "j == i", "k > 21", "j > 3 or "+p.e('b')))
	p.line("  repeat local l = k %s = %s + 1 if %s then break end until %s or l > 0", x, x, p.pick("l == 12", "i == 2", "false"), p.pick("l == k", "false", "not tick()"))
	p.line("  for _, v in ipairs({ 1, 2, nil, 3 }) do tick() if v == i then break end %s = %s + v end", x, x)
	p.line(" end")
	p.line(" if %s then break end", p.pick("i == 2", "false", p.e('b')))
	p.line("end")
	p.line("out(%s) for _, f in ipairs(fs%s) do tick() out(f()) end", x, x)
}
