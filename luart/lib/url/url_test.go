package url

import (
	"testing"

	"github.com/caddy-rover/rover/luart/luarttest"
)

// urlShow is Lua for a table as sorted "name=value" text.
const urlShow = `
	local function show(t, message)
		if t == nil then return "nil: " .. message end
		local out = {}
		for k, v in pairs(t) do
			if type(v) == "table" then v = "{" .. show(v) .. "}" end
			out[#out + 1] = k .. "=" .. tostring(v)
		end
		table.sort(out)
		return table.concat(out, " ")
	end
`

func TestURLComponent(t *testing.T) {
	luarttest.Run(t, "url", Open, []luarttest.Case{
		{"encode", `return rover.url.encode("a b+c/d?e=f&g~h-i_j.k%")`, "a%20b%2Bc%2Fd%3Fe%3Df%26g~h-i_j.k%25"},
		{"encode takes any byte", `return rover.url.encode("\0\255é")`, "%00%FF%C3%A9"},
		{"decode", `return rover.url.decode("a%20b+c%2fd")`, "a b+c/d"},
		{"decode undoes encode", `
			local all = {}
			for i = 0, 255 do all[#all + 1] = string.char(i) end
			local s = table.concat(all)
			return rover.url.decode(rover.url.encode(s)) == s`, "true"},
		{"decode refuses a bad escape of a later value", `return rover.url.query_decode("a=1&a=%zz")`, `nil | invalid URL escape "%zz"`},
		{"decode refuses a bad escape", `return rover.url.decode("a%zzb")`, `nil | invalid URL escape "%zz"`},
		{"decode refuses a cut escape", `return rover.url.decode("a%2")`, `nil | invalid URL escape "%2"`},
		{"wrong type", `rover.url.encode({})`, "error: <string>:1: bad argument #1 to encode (string expected, got table)"},
	})
}

func TestURLParse(t *testing.T) {
	parse := func(url string) string { return urlShow + "return show(rover.url.parse(" + url + "))" }
	luarttest.Run(t, "url", Open, []luarttest.Case{
		{
			"everything", parse(`"HTTPS://me:s%40t@Example.com:8443/a%20b/c%2Fd?x=1&y=a+b&x=2#top%21"`),
			"fragment=top! host=Example.com:8443 hostname=Example.com password=s@t path=/a b/c/d port=8443 query={x=1 y=a b} raw_path=/a%20b/c%2Fd raw_query=x=1&y=a+b&x=2 scheme=https user=me",
		},
		{"a path alone", parse(`"/a?b"`), "path=/a query={b=} raw_path=/a raw_query=b"},
		{"nothing", parse(`""`), "path= query={} raw_path="},
		{"IPv6", parse(`"http://[::1]:80/"`), "host=[::1]:80 hostname=::1 path=/ port=80 query={} raw_path=/ scheme=http"},
		{"no authority", parse(`"mailto:a@b.c"`), "opaque=a@b.c path= query={} raw_path= scheme=mailto"},
		{"user without password", parse(`"http://me@h"`), "host=h hostname=h path= query={} raw_path= scheme=http user=me"},
		{"a bad pair keeps its text", parse(`"/?a=100%&b=%20"`), "path=/ query={a=100% b= } raw_path=/ raw_query=a=100%&b=%20"},
		{"port is a number", `return type(rover.url.parse("http://h:1").port)`, "number"},
		{"bad escape in the path", parse(`"/%zz"`), `nil: invalid URL: invalid URL escape "%zz"`},
		{"bad port", parse(`"http://h:x/"`), `nil: invalid URL: invalid port ":x" after host`},
		{"port out of range", parse(`"http://h:65536/"`), "nil: invalid URL: port 65536 is out of range"},
		{"control character", parse(`"http://h/\n"`), "nil: invalid URL: net/url: invalid control character in URL"},
		{"no scheme", parse(`"1.2.3.4:80"`), "nil: invalid URL: first path segment in URL cannot contain colon"},
	})
}

func TestURLBuild(t *testing.T) {
	roundTrip := func(url string) luarttest.Case {
		return luarttest.Case{url, `return rover.url.build(rover.url.parse("` + url + `"))`, url}
	}
	luarttest.Run(t, "url", Open, []luarttest.Case{
		roundTrip("https://me:s%40t@example.com:8443/a%20b/c%2Fd?x=1&y=a+b&x=2#top"),
		roundTrip("http://h:080/"), roundTrip("http://h:/"), roundTrip("/a?b c"), roundTrip("http://u:@h/"), roundTrip("//h/a"), roundTrip("?#f%20g"),
		roundTrip("http://[::1]:80/?"), roundTrip("/a/b?c"), roundTrip("mailto:a@b.c"), roundTrip("?q=100%"), roundTrip(""),
		{"from parts", `return rover.url.build{scheme="http", hostname="h", port=81, path="/a b", query={z=1, a={"x y", true}}, fragment="f"}`, "http://h:81/a%20b?a=x+y&a=true&z=1#f"},
		{"an IPv6 host", `return rover.url.build{scheme="http", hostname="::1", path="/"}, rover.url.build{scheme="http", hostname="::1", port="80"}`, "http://[::1]/ | http://[::1]:80"},
		{"a relative path gets its slash", `return rover.url.build{scheme="http", host="h", path="a"}`, "http://h/a"},
		{"a changed query wins", `local u = rover.url.parse("http://h/?a=1&a=2&b=3") u.query.b = 4 return rover.url.build(u)`, "http://h/?a=1&b=4"},
		{"an emptied query goes", `local u = rover.url.parse("http://h/?a=1") u.query = {} return rover.url.build(u)`, "http://h/"},
		{"a changed raw_query alone", `local u = rover.url.parse("http://h/?a=1") u.query, u.raw_query = nil, "b" return rover.url.build(u)`, "http://h/?b"},
		{"raw_path alone", `return rover.url.build{scheme="http", host="h", raw_path="/a%2Fb"}, rover.url.build{raw_path="/a b?c"}`, "http://h/a%2Fb | /a%20b%3Fc"},
		{"a raw_path that does not decode", `return rover.url.build{raw_path="/%zz"}`, `nil | invalid URL escape "%zz"`},
		{"a port out of range", `return rover.url.build{scheme="http", hostname="h", port=99999}`, "nil | invalid URL: port 99999 is out of range"},
		{"a host with a port out of range", `return rover.url.build{scheme="http", host="h:65536"}`, "nil | invalid URL: port 65536 is out of range"},
		{"the largest port", `return rover.url.build{scheme="http", hostname="h", port=65535}`, "http://h:65535"},
		{"a query that ends early", `return rover.url.build{path="/", raw_query="a=1#b"}`, `nil | invalid URL: the query "a=1#b" ends before its end`},
		{"an opaque part that ends early", `return rover.url.build{scheme="mailto", opaque="a?b"}`, `nil | invalid URL: "mailto:a?b" reads back as something else`},
		{"a path that reads as a host", `return rover.url.build{path="//h/x"}`, `nil | invalid URL: scheme "" and host "" do not make one`},
		{"a changed path wins", `local u = rover.url.parse("http://h/a%2Fb") u.path = "/c" return rover.url.build(u)`, "http://h/c"},
		{
			"a changed host", `local u = rover.url.parse("http://h:1/") u.host = "i:2" return rover.url.build(u)`,
			`nil | host "i:2" contradicts hostname and port "h:1": set host to nil, or both others`,
		},
		{"a changed hostname", `local u = rover.url.parse("http://h:1/") u.hostname, u.host = "i", nil return rover.url.build(u)`, "http://i:1/"},
		{"a host that holds a path", `return rover.url.build{scheme="http", host="h/x"}`, `nil | invalid URL: scheme "http" and host "h/x" do not make one`},
		{"a scheme that is none", `return (rover.url.build{scheme="ht tp", host="h"})`, "nil"},
		{"wrong field type", `rover.url.build{path={}}`, "error: <string>:1: bad argument #1 to build (field 'path': string expected, got table)"},
		{"wrong query type", `rover.url.build{query="a=1"}`, "error: <string>:1: bad argument #1 to build (field 'query': table expected, got string)"},
	})
}

func TestURLQuery(t *testing.T) {
	luarttest.Run(t, "url", Open, []luarttest.Case{
		{"encode sorts", `return rover.url.query_encode{b="x y", a=1, ["c&"]=false}`, "a=1&b=x+y&c%26=false"},
		{"encode repeats arrays", `return rover.url.query_encode{a={1, "2", true}, b={}}`, "a=1&a=2&a=true"},
		{"encode of nothing", `return #rover.url.query_encode{}`, "0"},
		{"encode refuses functions", `rover.url.query_encode{a=print}`, "error: <string>:1: bad argument #1 to query_encode (query 'a': string, number, boolean or an array of them expected, got function)"},
		{"encode refuses nested arrays", `rover.url.query_encode{a={{}}}`, "error: <string>:1: bad argument #1 to query_encode (query 'a': string, number, boolean or an array of them expected, got table)"},
		{"encode refuses a map as value", `rover.url.query_encode{a={1, x=2}}`, "error: <string>:1: bad argument #1 to query_encode (query 'a': an array has the keys 1 to n only)"},
		{"encode refuses an array", `rover.url.query_encode{"a"}`, "error: <string>:1: bad argument #1 to query_encode (query: names must be strings, got the number 1)"},
		{"decode takes the first value", urlShow + `return show(rover.url.query_decode("a=1&b=x+y%21&a=2&c&&=e"))`, "=e a=1 b=x y! c="},
		{"decode leaves semicolons alone", urlShow + `return show(rover.url.query_decode("a=1;b=2"))`, "a=1;b=2"},
		{"decode of nothing", urlShow + `return show(rover.url.query_decode("")) .. "."`, "."},
		{"decode refuses a bad escape", `return rover.url.query_decode("a=%")`, `nil | invalid URL escape "%"`},
	})
}
