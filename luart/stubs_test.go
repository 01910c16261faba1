package luart

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/stdlib"
	stubs "github.com/caddy-rover/rover/luart/types"
)

// stubClasses say which class of the stubs stands for which type of luaval.NewType.
var stubClasses = map[string]string{
	"ctx": "rover.Ctx", "body": "rover.RequestBody", "response body": "rover.ResponseBody", "part": "rover.Part",
	"response": "rover.Response", "timer": "rover.Timer", "cache": "rover.Cache", "lock": "rover.Lock",
	"channel": "rover.Channel", "HTTP client": "rover.HttpClient", "HTTP response": "rover.HttpResponse",
	"regular expression": "rover.Expression",
	"rate limit":         "rover.RateLimit", "store": "rover.Store", "store lock": "rover.StoreLock", "subscription": "rover.Subscription",
	"jq program":  "rover.JqProgram",
	"address set": "rover.AddressSet",
	"cookie":      "rover.CookieBuilder", "session store": "rover.SessionStore", "session": "rover.Session", "session value": "rover.SessionValue",
	"key":     "rover.Key",
	"key set": "rover.KeySet", "published keys": "rover.PublishedKeys", "login": "rover.Login",
	"redis": "rover.Redis", "redis commands": "rover.RedisCommands",
	"validator": "rover.Validator",
	"counter":   "rover.Counter", "gauge": "rover.Gauge", "histogram": "rover.Histogram",
}

// allStubs returns what is written for editors of what scripts see: the files in types, and those
// of libraries beside their code.
func allStubs(t *testing.T) string {
	var joined strings.Builder
	files, err := fs.Glob(stubs.Stubs(), "*.lua")
	if err != nil {
		t.Fatal(err)
	}
	add := func(file, text string) {
		if _, err := chunk.Compile([]byte(text), file); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(text, "---@meta rover") {
			t.Errorf("%s does not begin with ---@meta", file)
		}
		joined.WriteString(text)
	}
	for _, file := range files {
		text, err := fs.ReadFile(stubs.Stubs(), file)
		if err != nil {
			t.Fatal(err)
		}
		if file != "rover_test.lua" { // see TestStubsOfTests
			add(file, string(text))
		}
	}
	for _, l := range all.Libraries() {
		if l.Stubs == "" {
			t.Errorf("the library %s has no definitions for editors", l.Name)
		}
		add(l.Name, l.Stubs)
	}
	return joined.String()
}

// What is written for editors is what scripts see, no more and no less.
func TestStubs(t *testing.T) {
	declared, compared := declaredNames(t, allStubs(t))
	real := realNames(t)
	for _, name := range slices.Sorted(maps.Keys(real)) {
		if !declared[name] {
			t.Errorf("scripts see %s, and no file of definitions declares it: add it in luart/types, or beside its library, with what it does, its types and units", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		class := name[:strings.LastIndexAny(name, ".:")]
		if !real[name] && (compared[class] || !strings.Contains(name, ":")) {
			t.Errorf("a file of definitions declares %s, and scripts do not see it: take it out there, or say in stubClasses what it is", name)
		}
	}
	if len(real) < 200 {
		t.Errorf("only %d names were found in the VM", len(real))
	}
}

// declaredNames returns the names that the stubs declare: "rover.json.encode",
// "rover.Ctx:header", "rover.Ctx.method", and the classes that stand for something real.
func declaredNames(t *testing.T, source string) (names, compared map[string]bool) {
	names, compared = map[string]bool{}, map[string]bool{"rover.Api": true, "rover.Node": true, "rover.Values": true, "rover.Parts": true}
	for _, class := range stubClasses {
		compared[class] = true
	}
	for name := range newServer(t, "return rover.server {}").gen.api.Builders() {
		compared["rover.builder."+name] = true
	}
	class, classOf := "", map[string]string{}
	for line := range strings.Lines(source) {
		line = strings.TrimRight(line, "\n")
		switch {
		case !strings.HasPrefix(line, "---") && line != "" && !strings.HasPrefix(line, "local "):
			if m := regexp.MustCompile(`^function (\w+)([.:])(\w+)\(`).FindStringSubmatch(line); m != nil && classOf[m[1]] != "" {
				separator := m[2]
				if classOf[m[1]] == "rover.Api" { // error alone takes a colon, and is a builder like the others
					separator = "."
				}
				names[classOf[m[1]]+separator+m[3]] = true
			} else if m := regexp.MustCompile(`^(?:function )?((?:rover|table|coroutine|debug)(?:[.:]\w+)+)(?:\(| = )`).FindStringSubmatch(line); m != nil {
				names[strings.ReplaceAll(m[1], ":", ".")] = true
			} else if line != "rover = {}" && !strings.HasPrefix(line, "--") {
				t.Errorf("the test does not understand %q", line)
			}
		case strings.HasPrefix(line, "---@class "):
			class = regexp.MustCompile(`^---@class ([\w.]+)`).FindStringSubmatch(line)[1]
		case strings.HasPrefix(line, "---@field "):
			m := regexp.MustCompile(`^---@field (\w+)\??\s`).FindStringSubmatch(line)
			if m != nil && compared[class] {
				names[class+"."+m[1]] = true
			}
		case strings.HasPrefix(line, "local "):
			classOf[regexp.MustCompile(`^local (\w+)`).FindStringSubmatch(line)[1]] = class
		}
	}
	return names, compared
}

// realNames returns what scripts see, from the tables of a VM.
func realNames(t *testing.T) map[string]bool {
	s := newServer(t, "return rover.server {}")
	names := map[string]bool{}
	var walk func(name string, table *lua.LTable)
	walk = func(name string, table *lua.LTable) {
		table.ForEach(func(k, v lua.LValue) {
			key := name + "." + k.String()
			names[key] = true
			if sub, ok := v.(*lua.LTable); ok && key != "rover.config" {
				walk(key, sub)
			}
		})
	}
	walk("rover", s.gen.env.RawGetString("rover").(*lua.LTable))
	for _, lib := range stdlib.AllowList {
		for _, f := range lib.Functions {
			if strings.HasPrefix(f.Why, "from Lua ") || strings.HasPrefix(f.Why, "ours:") { // the rest is in the editor's own library
				names[lib.Name+"."+f.Name] = true
			}
		}
	}

	for name, b := range s.gen.api.Builders() {
		names["rover.Api."+name] = true
		for method := range b.Methods {
			names["rover.builder."+name+":"+method] = true
		}
	}
	for name := range s.gen.api.Hooks() {
		names["rover.Api."+name] = true
	}
	names["rover.config.load"], names["rover.config.from_env"] = true, true // TestConfigLoad calls them
	names["rover.Api.config"] = true                                        // TestAPIConfig reads it
	for _, name := range slices.Concat(route.MethodNames[:], []string{"before", "after", "done"}, slices.Collect(maps.Keys(s.gen.api.Rules))) {
		names["rover.Node."+name] = true
	}

	fields := fieldsOfTypes(t)
	s.vm.main.G.Registry.RawGetString(luaval.TypesKey).(*lua.LTable).ForEach(func(k, v lua.LValue) {
		class := stubClasses[k.String()]
		methods := v.(*lua.LTable)
		if class == "" && (methods.Len() > 0 || len(fields[k.String()]) > 0) && !slices.Contains([]string{"api", "api node", "hook list", "response builder"}, k.String()) {
			t.Errorf("newType makes a type %q: say in stubClasses which class of the stubs it is", k.String())
			return
		}
		methods.ForEach(func(_, m lua.LValue) { names[class+":"+m.String()] = true })
		for _, field := range fields[k.String()] {
			names[class+"."+field] = true
		}
	})

	for kind, noted := range s.gen.typeNames(luaval.FieldsKey) {
		if slices.Sort(noted); !slices.Equal(noted, slices.Sorted(slices.Values(fields[kind]))) {
			t.Errorf("a %s has the fields %q, and luaval.NoteFields was told %q", kind, fields[kind], noted)
		}
	}

	// Tables with methods.
	names["rover.Values:all"], names["rover.Values:expect"] = true, true
	for _, method := range []string{"form", "file", "files"} {
		names["rover.Parts:"+method] = true
	}
	names["rover.Parts.fields"] = true // TestMultipart reads it
	return names
}

// fieldsOfTypes finds in the package's source which fields luaval.NewType's types have beside their
// methods: the cases of the function that is its last argument.
func fieldsOfTypes(t *testing.T) map[string][]string {
	files, _ := filepath.Glob("*.go")
	rooms, _ := filepath.Glob("*/*.go")
	libraries, _ := filepath.Glob("lib/*/*.go")
	files = slices.Concat(files, rooms, libraries)
	functions := map[string]*ast.FuncDecl{}
	types := map[string]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				functions[filepath.Dir(file)+"."+n.Name.Name] = n
			case *ast.CallExpr:
				if fn, ok := n.Fun.(*ast.SelectorExpr); ok && fn.Sel.Name == "NewType" && len(n.Args) == 4 {
					if field, ok := n.Args[3].(*ast.Ident); ok && field.Name != "nil" {
						name, err := strconv.Unquote(n.Args[1].(*ast.BasicLit).Value)
						if err != nil {
							t.Fatal(err)
						}
						types[name] = filepath.Dir(file) + "." + field.Name
					}
				}
			}
			return true
		})
	}
	fields := map[string][]string{}
	for name, function := range types {
		if stubClasses[name] == "" {
			continue
		}
		ast.Inspect(functions[function], func(n ast.Node) bool {
			clause, ok := n.(*ast.CaseClause)
			if !ok {
				return true
			}
			for _, e := range clause.List {
				ast.Inspect(e, func(n ast.Node) bool {
					if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
						field, err := strconv.Unquote(lit.Value)
						if err != nil {
							t.Fatal(err)
						}
						fields[name] = append(fields[name], field)
					}
					return true
				})
			}
			return false
		})
		if len(fields[name]) == 0 {
			t.Errorf("no fields of %q were found in %s", name, function)
		}
	}
	return fields
}

// What Check knows of the objects that functions of rover return is what the stubs say.
func TestStubsMakers(t *testing.T) {
	typeOf := map[string]string{}
	for name, class := range stubClasses {
		typeOf[class] = name
	}
	declared, classOf := map[string]string{}, map[string]string{}
	returns, class := "", ""
	for line := range strings.Lines(allStubs(t)) {
		if m := regexp.MustCompile(`^---@return (rover\.\w+)\??`).FindStringSubmatch(line); m != nil && returns == "" {
			if returns = typeOf[m[1]]; returns == "redis" { // any name is a method of it
				returns = ""
			}
		}
		if m := regexp.MustCompile(`^---@class (rover\.\w+)`).FindStringSubmatch(line); m != nil {
			class = m[1]
		}
		if m := regexp.MustCompile(`^local (\w+) = `).FindStringSubmatch(line); m != nil {
			classOf[m[1]] = class
		}
		// What ctx, its body and responses return is known by their names.
		if m := regexp.MustCompile(`^function (\w+):(\w+)\(`).FindStringSubmatch(line); m != nil && returns != "" {
			on := typeOf[classOf[m[1]]]
			if on != "" && !slices.Contains([]string{"ctx", "body", "response", "redis"}, on) {
				declared[on+":"+m[2]] = returns
			}
		}
		if m := regexp.MustCompile(`^function rover\.([\w.:]+)\(`).FindStringSubmatch(line); m != nil && returns != "" {
			declared[strings.ReplaceAll(m[1], ":", ".")] = returns
		}
		if !strings.HasPrefix(line, "---") {
			returns = ""
		}
	}
	known := (&Generation{libraries: all.Libraries()}).makers()
	if !maps.Equal(declared, known) {
		t.Errorf("stubs: %v\nCheck: %v", declared, known)
	}
}
