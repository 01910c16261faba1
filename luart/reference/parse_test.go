package reference

import (
	"strings"
	"testing"
)

// file is one of definitions with a function of a comment.
func file(comment string) string {
	return "---@meta rover.x\n\n" + comment + "function rover.x.f(a) end\n"
}

func TestParse(t *testing.T) {
	m, err := Parse("x.lua", `---@meta rover.x

-- Words for who reads the file.

---About x.
---
---Waits: yes.
rover.x = {}

---Does something. And
---more.
---
---Errors: none.
---
---`+"```lua"+`
---rover.x.f("a") --> 1
---`+"```"+`
---@param a string|fun(b: string): number? What it is
---@param b? { c: integer, d: string[] }
---@return table<string, any> values all of them
---@return fun(): any, number
function rover.x.f(a, b) end

---A thing.
---@class rover.Thing: rover.Other
---@field size? integer Bytes
---@overload fun(a: string): rover.Thing
local Thing = {}

---Ends it.
---
---Example: see `+"`rover.x.f`"+`.
function Thing:stop() end

---@alias rover.Name string|number
`)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := Pages([]*Module{m})
	if err == nil || !strings.Contains(err.Error(), "thing: it has no example") {
		t.Errorf("no error about the class that can be called: %v", err)
	}
	const want = `# rover.x

About x.

## rover.x.f

` + "`rover.x.f(a, b?)`" + `

Does something. And more.

- ` + "`a` (`string|fun(b: string): number?`)" + `: What it is
- ` + "`b?` (`{ c: integer, d: string[] }`)" + `
- returns ` + "`values` (`table<string, any>`)" + `: all of them
- returns (` + "`fun(): any, number`" + `)
- *Errors*: none
- *Waits*: yes
- *Where*: anywhere

` + "```lua\nrover.x.f(\"a\") --> 1\n```" + `

## thing

` + "`thing(a: string): rover.Thing`" + `

A thing.

Its type for editors is ` + "`rover.Thing`, which has the fields of `rover.Other`, too" + `.

- ` + "`size?` (`integer`)" + `: Bytes

- *Errors*: those of wrong arguments
- *Waits*: no
- *Where*: anywhere

### thing:stop

` + "`thing:stop()`" + `

Ends it.

- *Errors*: none
- *Waits*: no
- *Where*: anywhere

Example: see ` + "[`rover.x.f`](#roverxf)" + `.

## rover.Name

` + "`string|number`" + `
`
	if got := strings.TrimPrefix(pages["rover.x.md"], generated); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A comment that this package does not understand is an error that says where it is.
func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"function f() end\n":                                                    "x.lua:1: ---@meta and a name expected",
		file("---Text.\n---@param a string\n---@async\n"):                       "x.lua:5: unknown annotation @async",
		file("---Text.\n"):                                                      "x.lua:4: the parameters are (a), and @param names ()",
		file("---@param a\n"):                                                   "x.lua:3: a has no type",
		file("---@param a { b: string\n"):                                       `x.lua:3: "{ b: string" is no type`,
		file("---Text.\n\n---@param a string\n"):                                "x.lua:4: there is a comment above, and nothing that it is about",
		file("---Waits: no.\n---\n---Waits: yes.\n---@param a string\n"):        "x.lua:7: there are two paragraphs that begin with Waits",
		file("---Waits: no.\n---\n---More.\n---@param a string\n"):              `x.lua:7: "More." comes after Errors, Waits or Where`,
		file("---```lua\n---f()\n---@param a string\n"):                         "x.lua:6: the example has no end",
		file("---```lua\n---f()\n---```\n---More.\n---@param a string\n"):       `x.lua:8: "More." comes after the example`,
		file("---```go\n---```\n---@param a string\n"):                          "x.lua:6: an example is a block of lua, not \"```go\"",
		file("---```lua\n---```\n---\n---```lua\n---```\n---@param a string\n"): "x.lua:9: there are two examples",
		"---@meta rover.x\nlocal x = {}\n":                                      "x.lua:2: local x is of no class",
		"---@meta rover.x\nreturn 1\n":                                          `x.lua:2: a declaration expected, not "return 1"`,
		"---@meta rover.x\n---@field a string\n":                                "x.lua:2: a field without a class",
	} {
		if _, err := Parse("x.lua", text); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// A function of which nothing is said, or nothing shown, is an error.
func TestPagesMisses(t *testing.T) {
	m, err := Parse("x.lua", file("---@param a string\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Pages([]*Module{m})
	for _, want := range []string{"rover.x: rover.x.f(a): no sentence says what it does", "rover.x: rover.x.f(a): it has no example"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
