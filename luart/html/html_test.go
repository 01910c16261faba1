package html

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/luarttest"
	"github.com/caddy-rover/rover/luart/luaval"
)

// openTemplates returns a VM where rover.html is there and page(data)[[template]] is what api.html
// does.
func openTemplates(t testing.TB) (*lua.LState, *Templates) {
	L := lua.NewState()
	t.Cleanup(L.Close)
	globals := L.Get(lua.GlobalsIndex).(*lua.LTable)
	engine := NewTemplates(globals)
	rover := L.NewTable()
	rover.RawSetString("html", engine.Open(L))
	L.SetGlobal("rover", rover)
	L.SetGlobal("page", L.NewFunction(func(L *lua.LState) int {
		data := luaval.OptTable(L, 1)
		L.Push(L.NewFunction(func(L *lua.LState) int {
			text, err := engine.Render(L, data, luaval.CheckString(L, 1))
			if err != nil {
				L.RaiseError("%s", err.Error())
			}
			L.Push(lua.LString(text))
			return 1
		}))
		return 1
	}))
	return L, engine
}

func runTemplates(t *testing.T, cases []luarttest.Case) {
	t.Helper()
	luarttest.RunIn(t, func(t *testing.T) *lua.LState {
		L, _ := openTemplates(t)
		return L
	}, cases)
}

func TestTemplateTags(t *testing.T) {
	runTemplates(t, []luarttest.Case{
		{"text alone", `return page{}[[<p>} }} { "\" %d</p>]]`, `<p>} }} { "\" %d</p>`},
		{"text keeps every byte", `
			local all = {}
			for i = 0, 255 do all[#all + 1] = string.char(i) end
			local s = table.concat(all) .. "\r\n\n\r]]\\n\\"
			return page{}(s .. "{{ 1 }}" .. s) == s .. "1" .. s`, "true"},
		{"a value is escaped", `return page{v = [[<a href="x">'&]]}[[{{ v }}]]`, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;"},
		{"a raw value is not", `return page{v = "<b>"}[[{{{ v }}}]]`, "<b>"},
		{"values of all kinds", `return page{}[[{{ nil }}|{{ missing }}|{{ 1 }}|{{ 0.5 }}|{{ 1/0 }}|{{ true }}|{{ false }}|{{ "s" }}]]`, "||1|0.5|inf|true|false|s"},
		{"all digits of a number", `return page{id = 2^53 - 1}[[{{ id }}|{{ 0.1 + 0.2 }}]]`, "9007199254740991|0.30000000000000004"},
		{"__tostring is used and escaped", `return page{v = setmetatable({}, {__tostring = function() return "<t>" end})}[[{{ v }}{{{ v }}}]]`, "&lt;t&gt;<t>"},
		{"a field", `return page{user = {name = "T"}}[[<h1>{{ user.name }}</h1>]]`, "<h1>T</h1>"},
		{"a call shows its first result", `return page{}[[{{ ("abc"):gsub("b", "<") }}]]`, "a&lt;c"},
		{"no blanks are needed", `return page{a = 1}[[{{a}}{{{a}}}{{if a then}}y{{end}}]]`, "11y"},
		{"braces of tables", `return page{f = function(t) return t.x[1] end}[[{{ f {x={1}}}}{{ f{x={2} } }}{{{ f{x={3}}}}}]]`, "123"},
		{"braces in strings", `return page{}[==[{{ "}}" }}{{ '}}\'}}' }}{{ [[}}]] }}{{ [=[}}]]]=] }}{{ "{{" }}]==]`, "}}}}&#39;}}}}}}]]{{"},
		{"an index is no long string", `return page{a = {1}, b = {7}}[==[{{ b[a[1] ] }}]==]`, "7"},
		{"for", `return page{items = {{title = "a"}, {title = "<"}}}[[<ul>{{ for _, item in ipairs(items) do }}<li>{{ item.title }}</li>{{ end }}</ul>]]`, "<ul><li>a</li><li>&lt;</li></ul>"},
		{"if, elseif, else", `local out = "" for i = 1, 3 do out = out .. page{i = i}[[{{ if i == 1 then }}one{{ elseif i == 2 then }}two{{ else }}more{{ end }}]] end return out`, "onetwomore"},
		{"while, an assignment to a local", `return page{}[[{{ local n = 0 }}{{ while n < 3 do }}{{ n }}{{ n = n + 1 }}{{ end }}]]`, "012"},
		{"repeat", `return page{}[[{{ local n = 0 }}{{ repeat }}{{ n = n + 1 }}.{{ until n == 3 }}]]`, "..."},
		{"do", `return page{}[[{{ do }}{{ local x = 1 }}{{ x }}{{ end }}{{ x }}]]`, "1"},
		{"break", `return page{}[[{{ for i = 1, 9 do }}{{ i }}{{ if i == 3 then }}!{{ break }}?{{ end }},{{ end }}]]`, "1,2,3!"},
		{"return ends the template", `return page{}[[a{{ if true then }}b{{ return }}c{{ end }}d]]`, "ab"},
		{"a function over tags", `return page{}[[{{ local function row(x) }}<td>{{ x }}</td>{{ end }}{{ row(1) }}{{ row("&") }}]]`, "<td>1</td><td>&amp;</td>"},
		{"a function in one tag", `return page{}[[{{ function twice(x) return 2 * x end }}{{ twice(4) }}]]`, "8"},
		{"a global lasts one rendering", `local t = [[{{ x }}{{ x = 1 }}{{ x }};]] return page{}(t) .. page{}(t) .. tostring(x)`, "1;1;nil"},
		{"an assignment to a field", `local d = {} page{d = d}[[{{ (d).a, d.b = 1, 2 }}]] return d.a, d.b`, "1 | 2"},
		{"statements do not run into each other", `local called = page{f = function() error("called") end, d = {}}[[{{ local g = f }}{{ (d).x = 1 }}{{ local h = f }}{{ (d).x }}]] return called`, "1"},
		{"comments", `return page{a = 1}[==[{{ -- no }}{{--}}{{ a -- it's }}{{ --[[ }} "' ]] a }}{{ a --[=[]]]=] + 1 }}{{
			-- a line
			a }}]==]`, "1121"},
		{"a keyword is a whole word", `return page{format = 1, ending = 2, do_it = 3}[[{{ format }}{{ ending }}{{ do_it }}]]`, "123"},
	})
}

func TestTemplateNames(t *testing.T) {
	runTemplates(t, []luarttest.Case{
		{"data before components before globals", `
			a, b, c = "global", "global", "global"
			rover.html.a = "component" rover.html.b = "component"
			return page{a = "data"}[[{{ a }} {{ b }} {{ c }}]]`, "data component global"},
		{"false is a value", `show = true return page{show = false}[[{{ show }}]]`, "false"},
		{"a local before data", `return page{a = 1}[[{{ local a = 2 }}{{ a }}]]`, "2"},
		{"data with __index", `return page(setmetatable({}, {__index = function(_, k) return k == "x" and "found" or nil end}))[[{{ x }}{{ string.rep("y", 2) }}]]`, "foundyy"},
		{"no data", `g = 1 return page()[[{{ g }}]], tostring(rover.html()[[{{ g }}]])`, "1 | 1"},
		{"data is not changed", `local d = {} page(d)[[{{ x = 1 }}]] return next(d)`, "nil"},
		{"the same text with other data", `local t = [[{{ x }}]] return page{x = 1}(t), page{x = 2}(t)`, "1 | 2"},
		{"renderings of one text within each other", `
			local t = [[<{{ n }}{{ if n > 0 then }}{{{ again(n - 1) }}}{{ end }}>]]
			function again(n) return page{n = n}(t) end
			return again(2)`, "<2<1<0>>>"},
	})
}

func TestTemplateComponents(t *testing.T) {
	const card = `function rover.html.card(props) return rover.html(props) [=[<div>{{ title }}</div>]=] end `
	runTemplates(t, []luarttest.Case{
		{"by bare name", card + `return page{}[[{{ card { title = "Welcome" } }}]]`, "<div>Welcome</div>"},
		{"values in it are escaped once", card + `return page{}[[{{ card { title = "<&" } }}{{{ card { title = "<" } }}}]]`, "<div>&lt;&amp;</div><div>&lt;</div>"},
		{"in each other", card + `
			function rover.html.list(props) return rover.html(props) [[<ul>{{ for _, x in ipairs(items) do }}{{ card { title = x } }}{{ end }}</ul>]] end
			return page{items = {"a", "b"}}[[{{ list { items = items } }}]]`, "<ul><div>a</div><div>b</div></ul>"},
		{"html as data", card + `return page{body = rover.html.card{title = "x"}}[[<main>{{ body }}</main>]]`, "<main><div>x</div></main>"},
		{"a plain string is escaped", `function rover.html.b(s) return "<b>" end return page{}[[{{ b() }}]]`, "&lt;b&gt;"},
		{"tostring and type", card + `local h = rover.html.card{title = "x"} return tostring(h), type(h), getmetatable(h)`, "<div>x</div> | userdata | html"},
		{"concatenation escapes strings", card + `local h = rover.html.card{title = "x"} return "<" .. h .. 1 .. h, page{h = "&" .. h}[[{{ h }}]]`, "&lt;<div>x</div>1<div>x</div> | &amp;<div>x</div>"},
		{"concatenation with nil", card + `return rover.html.card{} .. nil`, "error: <string>:1: attempt to concatenate a nil value with html"},
		{"an error object goes through", `
			function rover.html.bad() error{status = 409} end
			local _, err = pcall(function() return page{}[[{{ bad() }}]] end)
			return type(err), err.status`, "table | 409"},
		{"an error leaves the engine whole", card + `pcall(function() return page{}[[x{{ nothing.y }}]] end) return page{}[[{{ card{title = 1} }}]]`, "<div>1</div>"},
		{"recursion without end is an error", `
			function rover.html.loop() return rover.html{}[[{{ loop() }}]] end
			local ok, err = pcall(rover.html.loop)
			return ok, (tostring(err):find("stack overflow", 1, true)) ~= nil`, "false | true"},
		{"data must be a table", `rover.html("x")`, "error: <string>:1: bad argument #1 to html (table expected, got string)"},
		{"a template must be a string", `local t = rover.html{} t{}`, "error: <string>:1: bad argument #1 to t (string expected, got table)"},
	})
}

func TestTemplateErrors(t *testing.T) {
	syntax := func(name, template, want string) luarttest.Case {
		return luarttest.Case{name, fmt.Sprintf("return page{}[===[\n%s]===]", template), "error: <string>:1: template:" + want}
	}
	running := func(name, template, want string) luarttest.Case {
		return luarttest.Case{name, fmt.Sprintf("return page{}[===[\n%s]===]", template), "error: template:" + want}
	}
	runTemplates(t, []luarttest.Case{
		syntax("expression", "a\n\n{{ x y }}", "3: syntax error near 'y'"),
		syntax("expression on the second line of its tag", "a\n{{ x +\n y z }}", "3: syntax error near 'z'"),
		syntax("expression without an end", "a\n{{ x + }}\nb", "2: syntax error at the end of the tag"),
		syntax("two expressions", "{{ 1, 2 }}", "1: one expression expected in a tag"),
		syntax("statement in a raw tag", "{{{ if x then }}}", "1: syntax error near 'if'"),
		syntax("an expression that ends its parenthesis", "{{ a) ; f( b }}", "1: syntax error near ')'"),
		syntax("for without do", "\n{{ for _, x in ipairs({}) }}\nx{{ end }}", "2: syntax error at the end of the tag"),
		syntax("wrong statement", "\n\n{{ if x the }}", "3: syntax error near 'the'"),
		syntax("no end", "{{ if x then }}\na\nb", "3: syntax error at the end of the template: '{{ end }}' may be missing"),
		syntax("end without a beginning", "a\n{{ end }}", "2: syntax error near 'end'"),
		syntax("break outside of a loop", "\n{{ break }}", "2: no loop to break"),
		syntax("empty tag", "\n{{ }}", "2: empty tag"),
		syntax("tag that is not closed", "\n{{ x\n\n", "2: '{{' without '}}'"),
		syntax("table that is not closed", "\n{{ f { x }}\n", "2: unexpected '}' in a tag that '{{' opened and '}}' must close"),
		syntax("lone brace", "{{ x } }}", "1: unexpected '}' in a tag that '{{' opened and '}}' must close"),
		syntax("raw tag closed as a plain one", "{{{ x }} }", "1: unexpected '}' in a tag that '{{{' opened and '}}}' must close"),
		syntax("unfinished string", "\n{{ 'it }}\n' }}", "2: unfinished string in a tag"),
		syntax("unfinished long string", "\n{{ [[it }}", "2: unfinished string in a tag"),
		syntax("unfinished comment", "\n{{ x --[[ }}", "2: unfinished comment in a tag"),
		syntax("reserved name", "{{ _rover_out(1) }}", "1: the name _rover_out is reserved"),
		syntax("too many locals", strings.Repeat("{{ local a }}", 300), "1: main function has more than 200 local variables"),
		running("nil field", "a\n{{ for i = 1, 2 do }}\n{{ x.y }}{{ end }}", "3: attempt to index a non-table object(nil) with key 'y'"),
		running("calling a nil", "\n\n\n{{ card { a = 1 } }}", "4: attempt to call a non-function object"),
		running("error()", "\n{{ error('no <way>') }}", "2: no <way>"),
		running("a table", "\n{{ {} }}", "2: a table cannot be shown"),
		running("a function", "\n\n{{{ print }}}", "3: a function cannot be shown"),
		running("too much output", "{{ local s = ('x'):rep(1000000) }}\n{{ while true do }}\n{{ s }}{{ end }}", "3: resulting string too large: the limit is 16777216 bytes"),
		running("too much text", strings.Repeat("x", 1000)+"{{ while true do }}"+strings.Repeat("y", 100000)+"{{ end }}", "1: resulting string too large: the limit is 16777216 bytes"),
	})
}

func TestTemplateLimits(t *testing.T) {
	for name, c := range map[string]struct{ src, want string }{
		"text":  {strings.Repeat("x", MaxBytes+1), "template:1: template too long: 1048577 bytes, the limit is 1048576"},
		"tags":  {strings.Repeat("{{x}}\n", MaxTags+1), "template:4097: too many tags: the limit is 4096"},
		"code":  {"\n{{ '" + strings.Repeat("x", MaxCodeBytes) + "' }}", "template:2: too much Lua in tags: the limit is 32768 bytes"},
		"depth": {"{{ " + strings.Repeat("{", 300) + strings.Repeat("}", 300) + " }}", "template:1: chunk has too many syntax levels (limit 200)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := compileTemplate(c.src)
			var syntax *chunk.SyntaxError
			if !errors.As(err, &syntax) || err.Error() != c.want {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
	most := strings.Repeat("{{x}}"+strings.Repeat("t\n", 100), MaxTags)
	if _, err := compileTemplate(most); err != nil {
		t.Errorf("%d tags in %d bytes: %v", MaxTags, len(most), err)
	}
}

func TestTemplateCache(t *testing.T) {
	L, engine := openTemplates(t)
	render := func(src string) string {
		t.Helper()
		text, err := engine.Render(L, nil, src)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	render("a{{ 1 }}")
	first := engine.cached["a{{ 1 }}"]
	render("a{{ 1 }}")
	if first == nil || engine.cached["a{{ 1 }}"] != first {
		t.Error("the second rendering compiled again")
	}
	if render("no tags"); len(engine.cached) != 1 {
		t.Error("a text without tags was kept")
	}
	for i := range 3 * maxCached {
		if got, want := render(fmt.Sprintf("%d{{ %d }}", i, i)), fmt.Sprintf("%d%d", i, i); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if len(engine.cached) != maxCached {
		t.Errorf("%d templates are kept, want %d", len(engine.cached), maxCached)
	}
	for i := range 20 {
		render(strings.Repeat("x", MaxBytes-100) + fmt.Sprintf("{{ %d }}", i))
	}
	kept := 0
	for src := range engine.cached {
		kept += len(src)
	}
	if kept != engine.bytes || kept > maxCachedBytes {
		t.Errorf("%d bytes are kept (counted as %d), want at most %d", kept, engine.bytes, maxCachedBytes)
	}
}

func TestHTMLText(t *testing.T) {
	L, engine := openTemplates(t)
	if text, ok := Text(engine.fragment("<p>")); text != "<p>" || !ok {
		t.Errorf("got %q, %t", text, ok)
	}
	other := L.NewUserData()
	other.Value = "<p>"
	for _, v := range []lua.LValue{lua.LNil, lua.LString("<p>"), L.NewTable(), other} {
		if text, ok := Text(v); text != "" || ok {
			t.Errorf("%s: got %q, %t", v.Type(), text, ok)
		}
	}
}

// FuzzTemplate: compiling ends in a function or in an error that names a line of the template; text
// without tags renders as it is, and text around a tag too.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		"", "plain } }} text", "{{ x }}", "{{{ x }}}", "{{ card { a = {1}} }}", "{{ for i = 1, 2 do }}\n{{ i }}{{ end }}",
		"{{ --[[ }} ]] x }}", "{{ '}}' }}", "{{ [=[ ]] ]=] }}", "{{ x = 1 }}{{ break }}", "{{", "{{{", "}}", "{{ (a).b = 1 }}", "\x00\xff\r\n\"\\",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		proto, err := compileTemplate(src)
		if err != nil {
			var syntax *chunk.SyntaxError
			if !errors.As(err, &syntax) || syntax.File != "template" || syntax.Line < 1 || syntax.Line > strings.Count(src, "\n")+strings.Count(src, "\r")+1 {
				t.Fatalf("%q: %v", src, err)
			}
			return
		}
		if strings.Contains(src, "{{") != (proto != nil) {
			t.Fatalf("%q: compiled to %v", src, proto)
		}
		if proto == nil {
			L, engine := openTemplates(t)
			for tag, want := range map[string]string{"": src, "{{ nil }}": src + src} {
				if strings.HasSuffix(src, "{") && tag != "" {
					continue // would be another tag
				}
				template := src + tag
				if tag != "" {
					template += src
				}
				if got, err := engine.Render(L, nil, template); err != nil || got != want {
					t.Fatalf("%q rendered as %q, %v", template, got, err)
				}
			}
		}
	})
}

func BenchmarkTemplate(b *testing.B) {
	L, engine := openTemplates(b)
	if err := L.DoString(`data = {user = {name = "T"}, items = {{title = "a"}, {title = "b"}, {title = "c"}}}`); err != nil {
		b.Fatal(err)
	}
	data := L.GetGlobal("data").(*lua.LTable)
	const src = `<h1>Hello {{ user.name }}</h1><ul>{{ for _, item in ipairs(items) do }}<li>{{ item.title }}</li>{{ end }}</ul>`
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engine.Render(L, data, src); err != nil {
			b.Fatal(err)
		}
	}
}
