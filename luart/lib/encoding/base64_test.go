package encoding

import (
	"testing"

	"github.com/caddy-rover/rover/luart/luarttest"
)

func TestBase64(t *testing.T) {
	luarttest.Run(t, "base64", OpenBase64, []luarttest.Case{
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
		{"missing argument", `rover.base64.encode()`, "error: <string>:1: bad argument #1 to encode (string expected, got no value)"},
	})
}
