package encoding

import (
	"testing"

	"github.com/caddy-rover/rover/luart/luarttest"
)

func TestHex(t *testing.T) {
	luarttest.Run(t, "hex", OpenHex, []luarttest.Case{
		{"encode is lower case", `return rover.hex.encode("\0\171\255Z")`, "00abff5a"},
		{"encode of nothing", `return #rover.hex.encode("")`, "0"},
		{"decode takes either case", `return rover.hex.decode("4a4B"), rover.hex.decode("4A4b")`, "JK | JK"},
		{"decode keeps every byte", `
			local all = {}
			for i = 0, 255 do all[#all + 1] = string.char(i) end
			local s = table.concat(all)
			return rover.hex.decode(rover.hex.encode(s)) == s`, "true"},
		{"decode refuses an odd length", `return rover.hex.decode("abc")`, "nil | invalid hex: odd number of digits (3)"},
		{"decode names the first bad byte", `return rover.hex.decode("ab0g")`, "nil | invalid hex at byte 4"},
		{"decode names a byte that is not UTF-8", `return rover.hex.decode("a\255")`, "nil | invalid hex at byte 2"},
		{"decode knows no prefix", `return rover.hex.decode("0xab")`, "nil | invalid hex at byte 2"},
		{"wrong type", `rover.hex.encode(nil)`, "error: <string>:1: bad argument #1 to encode (string expected, got nil)"},
	})
}
