package luart

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// libCase is a Lua chunk and what it returns: its values by tostring with " | " between them, or "error: " and the
// error's text when it raises.
type libCase struct{ name, chunk, want string }

// runLibCases runs each case in a VM of its own where rover.<lib> is what open returns.
func runLibCases(t *testing.T, lib string, open func(*lua.LState) *lua.LTable, cases []libCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			L := lua.NewState()
			defer L.Close()
			rover := L.NewTable()
			rover.RawSetString(lib, open(L))
			L.SetGlobal("rover", rover)
			if got := evalLib(L, c.chunk); got != c.want {
				t.Errorf("%s\n got %q\nwant %q", c.chunk, got, c.want)
			}
			if L.GetTop() != 0 {
				t.Errorf("%d values left on the Lua stack", L.GetTop())
			}
		})
	}
}

// evalLib runs the chunk and returns what a libCase wants to see of it.
func evalLib(L *lua.LState, chunk string) string {
	if err := L.DoString(chunk); err != nil {
		if failure, ok := err.(*lua.ApiError); ok {
			return "error: " + failure.Object.String()
		}
		return "error: " + err.Error()
	}
	var values []string
	for i := 1; i <= L.GetTop(); i++ {
		values = append(values, L.ToStringMeta(L.Get(i)).String())
	}
	L.SetTop(0)
	return strings.Join(values, " | ")
}

func TestBase64(t *testing.T) {
	runLibCases(t, "base64", openBase64, []libCase{
		{"encode pads", `return rover.base64.encode("a"), rover.base64.encode("ab"), rover.base64.encode("abc")`, "YQ== | YWI= | YWJj"},
		{"encode of nothing", `return "[" .. rover.base64.encode("") .. "]"`, "[]"},
		{"encode takes any byte", `return rover.base64.encode("\0\255\254\10")`, "AP/+Cg=="},
		{"encode takes a number", `return rover.base64.encode(1)`, "MQ=="},
		{"url_encode uses the other alphabet", `return rover.base64.url_encode("\0\255\254\10")`, "AP_-Cg"},
		{"decode", `return rover.base64.decode("YWI="), rover.base64.decode("YWI")`, "ab | ab"},
		{"decode passes over line ends", `return rover.base64.decode("YW\r\nJj\n")`, "abc"},
		{"decode of nothing", `return #rover.base64.decode("")`, "0"},
		{"decode keeps every byte", `
			local all = {}
			for i = 0, 255 do all[#all + 1] = string.char(i) end
			local s = table.concat(all)
			return rover.base64.decode(rover.base64.encode(s)) == s, rover.base64.url_decode(rover.base64.url_encode(s)) == s`, "true | true"},
		{"url_decode takes both paddings", `return rover.base64.url_decode("YQ"), rover.base64.url_decode("YQ==")`, "a | a"},
		{"decode refuses the url alphabet", `return rover.base64.decode("AP_-Cg")`, "nil | invalid base64 at byte 3"},
		{"url_decode refuses the standard alphabet", `return rover.base64.url_decode("AP/+Cg")`, "nil | invalid base64 at byte 3"},
		{"decode refuses a wrong padding", `return rover.base64.decode("YQ=")`, "nil | invalid base64: the text ends too early"},
		{"decode refuses text after the padding", `return rover.base64.decode("YQ==YQ==")`, "nil | invalid base64 at byte 5"},
		{"decode refuses a lone digit", `return rover.base64.decode("YWJjZ")`, "nil | invalid base64 at byte 5"},
		{"decode refuses spaces", `return rover.base64.decode("YW Jj")`, "nil | invalid base64 at byte 3"},
		{"wrong type", `rover.base64.decode({})`, "error: <string>:1: bad argument #1 to decode (string expected, got table)"},
		{"missing argument", `rover.base64.encode()`, "error: <string>:1: bad argument #1 to encode (string expected, got nil)"},
	})
}
