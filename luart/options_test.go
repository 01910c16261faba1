package luart

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/outbound"
)

// optionKey is a public key without a T in it: that stands for the options.
const optionKey = `-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEy0IwiZrAcgoHclB08r30aaFX5xHy\n7wEfBwl7zQoawzrdh+erZpKcxUBhw3hMVD5KQuJ0ZLUJCLbu8hYGbtlAFA==\n-----END PUBLIC KEY-----`

// optionCalls calls each function that takes options with the table T.
var optionCalls = map[string]string{
	"api.proxy":               `api.proxy("127.0.0.1:1", T)`,
	"ctx:proxy":               `ctx:proxy("127.0.0.1:1", T)`,
	"ctx:mirror":              `ctx:mirror("127.0.0.1:1", T)`,
	"res:replace":             `ctx:next():replace("a", "b", T)`,
	"res:set_cookie":          `api.text(""):set_cookie(T)`,
	"body:expect":             `ctx:body():expect({}, T)`,
	"body:json":               `ctx:body():json(T)`,
	"rover.json.decode":       `rover.json.decode("1", T)`,
	"api:error":               `api:error(400, "", T)`,
	"api.idempotent":          `api.idempotent(T, print)`,
	"rover.cache":             `rover.cache("c", T)`,
	"cache:fetch":             `rover.cache("c"):fetch("k", T, function() end)`,
	"rover.http.create":       `rover.http.create(T)`,
	"rover.http.request":      `rover.http.request(T)`,
	"rover.metrics.counter":   `rover.metrics.counter("c", T)`,
	"rover.metrics.gauge":     `rover.metrics.gauge("g", T)`,
	"rover.metrics.histogram": `rover.metrics.histogram("h", T)`,
	"HTTP client:request":     `rover.http.create():request(T)`,
	"rover.http.post":         `rover.http.post("http://127.0.0.1:1", {}, T)`,
	"HTTP client:post":        `rover.http.create():post("http://127.0.0.1:1", T)`,
	"rover.rate_limit":        `rover.rate_limit("l", T)`,
	"rover.redis":             `rover.redis("redis://127.0.0.1:1", T)`,
	"rover.cookie.delete":     `rover.cookie.delete("c", T)`,
	"rover.crypto.sign":       `rover.crypto.sign("ES256", rover.crypto.key("` + optionKey + `"), "m", T)`,
	"rover.crypto.verify":     `rover.crypto.verify("ES256", rover.crypto.key("` + optionKey + `"), "m", "s", T)`,
	"rover.jq.compile":        `rover.jq.compile(".", T)`,
	"rover.password.hash":     `rover.password.hash("p", T)`,
	"rover.password.verify":   `rover.password.verify("p", nil, T)`,
	"rover.webhook.verify":    `rover.webhook.verify("stripe", ctx, ("s"):rep(16), T)`,
	"rover.session.new":       `rover.session.new(T)`,
	"rover.auth.create":       `rover.auth.create({}, ("k"):rep(32), T)`,
	"rover.auth.verify":       `rover.auth.verify("", ("k"):rep(32), T)`,
	"rover.auth.secrets":      `rover.auth.secrets(T)`,
	"rover.auth.require":      `rover.auth.require(api, ("k"):rep(32), T)`,
	"rover.auth.oidc":         `rover.auth.oidc(T)`,
	"login:logout": `(function(n) return rover.auth.oidc { name = n, redirect_uri = "https://b.example/" .. n, issuer = "https://a.example", ` +
		`client_id = "x", key = ("k"):rep(32) } end)(rover.hex.encode(rover.crypto.random(8))):logout(ctx, T)`,
	"rover.auth.allow_roles":  `rover.auth.allow_roles(api, "admin", T)`,
	"rover.auth.allow_scopes": `rover.auth.allow_scopes(api, "read", T)`,
	"rover.store":             `rover.store("s", T)`,
	"store:set":               `rover.store("s"):set("k", 1, T)`,
	"store:cas":               `rover.store("s"):cas("k", 1, 2, T)`,
	"store:incr":              `rover.store("s"):incr("k", 1, T)`,
	"store:list":              `rover.store("s"):list("", T)`,
	"store:take":              `rover.store("s"):take("k", T)`,
	"store:lock":              `rover.store("s"):lock("k", T)`,
	"rover.lock":              `rover.lock("l", T)`,
	"rover.semaphore":         `rover.semaphore("s", 1, T)`,
	"rover.server":            "", // while the script loads: TestServerOptionUnknown
	"node.expect":             "", // likewise: TestExpectRuleErrors
	"node.cors":               "", // likewise: TestCORSLoadErrors
	"node.limit":              "", // likewise: TestLimitMistakes
	"node.static":             "", // likewise: TestStaticMistakes
	"node.auth":               "", // likewise: TestAuthRuleMistakes
	"node.concurrency":        "", // likewise: TestConcurrencyMistakes
	"node.doc":                "", // likewise: TestDocMistakes
}

func init() {
	for _, verb := range []string{"get", "head", "delete", "options", "put", "patch"} {
		optionCalls["rover.http."+verb] = fmt.Sprintf(`rover.http.%s("http://127.0.0.1:1", T)`, verb)
		optionCalls["HTTP client:"+verb] = fmt.Sprintf(`rover.http.create():%s("http://127.0.0.1:1", T)`, verb)
	}
}

// allOptions are those that check knows.
func allOptions(t *testing.T) map[string]luaval.OptionsAt {
	t.Helper()
	var known map[string]luaval.OptionsAt
	err := DryRun(context.Background(), Script{Libraries: all.Libraries(), Path: "app.lua", Source: []byte("return rover.server {}")},
		func(o *Outline, _ error) { known = o.Options })
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// The options that check knows of a function are those that the function reads: it raises for a
// value that cannot be right, and for any other name.
func TestOptionsAreRead(t *testing.T) {
	known := map[string][]string{}
	for f, options := range allOptions(t) {
		known[f] = options.Names()
	}
	if got, want := slices.Sorted(maps.Keys(known)), slices.Sorted(maps.Keys(optionCalls)); !slices.Equal(got, want) {
		t.Fatalf("functions with options:\n%q\nthose of this test:\n%q", got, want)
	}
	var script strings.Builder
	script.WriteString("local api = rover.server {}\nlocal wrong = {}\nlocal function try(name, f, ok)\n" +
		"  local fine, err = pcall(f)\n  local unknown = not fine and tostring(err):find('unknown option', 1, true) ~= nil\n" +
		"  if fine or unknown ~= ok then wrong[#wrong + 1] = name .. ': ' .. tostring(err) end\nend\nfunction api.get(ctx)\n")
	tries := 0
	for _, f := range slices.Sorted(maps.Keys(optionCalls)) {
		for _, option := range append(slices.Clone(known[f]), "bogus") {
			if optionCalls[f] == "" || option == "pick" || f == "api.idempotent" && option == "key" { // a function is right there
				continue
			}
			tries++
			call := strings.Replace(optionCalls[f], "T", "{ "+option+" = print }", 1)
			fmt.Fprintf(&script, "  try(%q, function() return %s end, %v)\n", f+" "+option, call, option == "bogus")
		}
	}
	script.WriteString("  return table.concat(wrong, '\\n')\nend\nreturn api")
	s := newServer(t, script.String(), func(s *Script) { s.Net = outbound.NewPolicy() })
	if got := s.do("GET /", "").Body.String(); got != "" || tries < 100 {
		t.Errorf("%d tries, wrong: %s", tries, got)
	}
}

// The texts that check knows of an option, or of an argument, are those that the function takes: it
// raises for another one.
func TestWordsAreRead(t *testing.T) {
	tries := 0
	for f, options := range allOptions(t) {
		for _, name := range options.Names() {
			words := options.WordsOf(name)
			if len(words) == 0 || optionCalls[f] == "" {
				continue
			}
			for _, word := range append(slices.Clone(words), "bogus") {
				tries++
				call := strings.Replace(optionCalls[f], "T", fmt.Sprintf("{ %s = %q }", name, word), 1)
				s := newServer(t, "local api = rover.server {}\nfunction api.get(ctx) return tostring(select(2, pcall(function() return "+call+
					" end))) end\nreturn api", func(s *Script) { s.Net = outbound.NewPolicy() })
				said := s.do("GET /", "").Body.String()
				// A secret is no key of RS256, which is an algorithm all the same.
				refused := strings.Contains(said, word) && (word == "bogus" || !strings.Contains(said, "of this key, which has HS256") && !strings.HasPrefix(said, "$argon2id$"))
				if refused != (word == "bogus") {
					t.Errorf("%s: %s", call, said)
				}
			}
		}
	}
	if tries < 40 {
		t.Errorf("only %d tries", tries)
	}
}

// nestedLoads are the functions that are called while the script loads.
var nestedLoads = map[string]string{
	"rover.server": "return rover.server(T)",
	"node.expect":  "local api = rover.server {}\napi.a.expect(T)\nreturn api",
	"node.doc":     "local api = rover.server {}\napi.a.doc(T)\nreturn api",
}

// So are the options in the tables that options are, at any depth.
func TestNestedOptionsAreRead(t *testing.T) {
	s := newServer(t, "return rover.server {}", func(s *Script) { s.Net = outbound.NewPolicy() })
	tries := 0
	for f, options := range allOptions(t) {
		eachNested(options.Options, "T", func(table string, known bool) {
			tries++
			source, message := nestedLoads[f], ""
			if source == "" {
				source = "local api = rover.server {}\nfunction api.get(ctx)\n  local ok, err = pcall(function() return " +
					optionCalls[f] + " end)\n  return ok and '' or tostring(err)\nend\nreturn api"
			}
			source = strings.Replace(source, "T", table, 1)
			if err := s.load(source, func(s *Script) { s.Net = outbound.NewPolicy() }); err != nil {
				message = err.Error()
			} else if nestedLoads[f] == "" {
				message = s.do("GET /", "").Body.String()
			}
			unknown := strings.Contains(message, "unknown option") || strings.Contains(message, "options by name expected")
			if message == "" || unknown == known {
				t.Errorf("%s\nknown: %v, said: %q", source, known, message)
			}
		})
	}
	if tries < 100 {
		t.Errorf("only %d tries", tries)
	}
}

// eachNested calls f for each option in the tables within those of o, and for two that there are not,
// each with print as its value, in the tables around it. T stands for the options o in table.
func eachNested(o *luaval.Options, table string, f func(table string, known bool)) {
	for _, name := range o.Names() {
		in, ok := o.Nested(name)
		if !ok {
			continue
		}
		around := strings.Replace(table, "T", "{ ["+strconv.Quote(name)+"] = T }", 1)
		if in.Each {
			around = strings.Replace(around, "T", "{ [100] = T }", 1) // a status, and one of a hundred limits
		}
		for _, option := range in.Names() {
			f(strings.Replace(around, "T", "{ ["+strconv.Quote(option)+"] = print }", 1), true)
		}
		f(strings.Replace(around, "T", "{ bogus = print }", 1), false)
		f(strings.Replace(around, "T", "{ print }", 1), false)
		eachNested(in.Options, around, f)
	}
}
