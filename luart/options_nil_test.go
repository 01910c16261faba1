package luart

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/luac"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/outbound"
)

// nilLoads are functions that take narrowing options while the script loads.
var nilLoads = map[string]string{
	"node.auth":   "api.a.auth(T)",
	"node.expect": "api.a.expect(T)",
	"node.static": "api.a.static(T)",
}

// eachNarrowing calls f for each narrowing option of o, and of the options in those, as a table that
// has VALUE in place of its value.
func eachNarrowing(o *luaval.Options, around string, f func(name, table string)) {
	for _, name := range o.NarrowingNames() {
		f(name, strings.Replace(around, "T", "{ "+name+" = VALUE }", 1))
	}
	for _, name := range o.Names() {
		if in, ok := o.Nested(name); ok && !in.Each {
			eachNarrowing(in.Options, strings.Replace(around, "T", "{ ["+strconv.Quote(name)+"] = T }", 1), f)
		}
	}
}

// An option that lets less through than its absence does is not left out by accident: where it is
// written, and what should be its value is missing, the script does not go on.
func TestNarrowingOptionIsNotNil(t *testing.T) {
	const said = "' is written, and its value is nil: "
	tries := 0
	for f, options := range allOptions(t) {
		eachNarrowing(options.Options, "T", func(name, table string) {
			tries++
			if !luac.Keeps(name) || !slices.Contains(options.Names(), name) && strings.Count(table, "{") == 1 {
				t.Errorf("%s: %s: no table keeps its place, or it is no option", f, name)
			}
			for value, want := range map[string]bool{
				"rover.config.missing": true, "missing": true, "({}).missing": true, "(missing)": true, "(function() end)()": true,
				"missing and 'x'": true, "nil": false,
			} {
				table := strings.Replace(table, "VALUE", value, 1)
				call := nilLoads[f]
				if call == "" {
					call = optionCalls[f]
				}
				for _, call := range []string{strings.Replace(call, "T", table, 1), "local o = " + table + " o.other, o.other = 1, nil; " +
					strings.Replace(call, "T", "(function() return o end)()", 1)} {
					source := "local api, missing = rover.server {}, nil\nlocal function do_it(ctx) " + call + " end\n"
					if nilLoads[f] != "" {
						source += "do_it()\nreturn api"
					} else {
						source += "function api.get(ctx) local ok, err = pcall(do_it, ctx) return tostring(err) end\nreturn api"
					}
					s := &server{t: t, vm: newVM(t, VMOptions{})}
					t.Cleanup(func() { s.vm.Close(t.Context()) })
					message := ""
					if err := s.load(source, func(s *Script) { s.Net = outbound.NewPolicy() }); err != nil {
						message = err.Error()
					} else if nilLoads[f] == "" {
						message = s.do("GET /", "").Body.String()
					}
					if strings.Contains(message, "'"+name+said) != want {
						t.Errorf("%s\nwant %v, said: %q", source, want, message)
					}
				}
			}
		})
	}
	if tries < 20 {
		t.Errorf("only %d tries", tries)
	}
}

// To a script a table that was written with such a name is like any other.
func TestWrittenNilIsNothing(t *testing.T) {
	s := newServer(t, `local api = rover.server {}
		local missing
		function api.get()
			local t = { roles = missing, "a", body = missing, x = 1, groups = 2, query = missing }
			local seen = {}
			for k, v in pairs(t) do seen[#seen + 1] = tostring(k) .. "=" .. tostring(v) end
			local empty = { roles = missing, iss = missing }
			t.roles = "late"
			return table.concat(seen, " ") .. " " .. tostring(next(empty)) .. " " .. #t .. " " .. t.roles ..
				" " .. tostring(t.body) .. " " .. rover.json.encode { roles = missing, body = 1 }
		end
		return api`)
	if got, want := s.do("GET /", "").Body.String(), `1=a x=1 groups=2 nil 1 late nil {"body":1}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
