package static

import (
	"path"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/http/httpguts"

	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Mount is a place whose files come from a folder. It does not change once the script has loaded.
type Mount struct {
	Pattern string // of the place: "/assets"
	Where   string // file:line
	Dir     string // as the script says it

	// Public is the folder; nil: the script is only looked at.
	Public *files.Public

	Cache         string   // Cache-Control of all files; "": by their names, see CacheControl
	Index         string   // the file of a folder; "": none
	SPA           bool     // what is no file is the index of the mount
	Hide          []string // patterns of what nobody gets
	Precompressed bool     // a.js.br and its kin are sent for a.js
}

// File is what a request asks for. The VM's host serves it, in the place of the next handler.
type File struct {
	*Mount

	Name    string // below the mount: "css/app.css", "css/"
	Slash   bool   // the path has a slash behind the place of the mount
	Clear   bool   // Name can be read in one way; else there is no such file
	Private bool   // not everybody may have it: no cache between may give it to others
}

// Options are those of node.static.
var Options = luaval.NewOptions("dir", "cache", "index", "spa", "hide", "precompressed").Narrowing("hide")

// maxHide bounds the patterns of a mount: each request is compared with all.
const maxHide = 100

// Read reads argument 1, the options of a mount at m.Pattern. It raises for what is wrong.
func (m *Mount) Read(L *lua.LState) {
	m.Index = "index.html"
	invalid := func(name, why string) {
		L.RaiseError("Invalid '%s' in static mount at '%s': %s", name, m.Pattern, why)
	}
	Options.Each(L, luaval.CheckTable(L, 1), 1, func(name string, v lua.LValue) {
		text, isText := v.(lua.LString)
		flag, isFlag := v.(lua.LBool)
		switch name {
		case "dir":
			if !isText {
				luaval.CheckOption(L, 1, name, v, "a folder")
			}
			m.Dir = string(text)
		case "cache":
			switch {
			case !isText:
				luaval.CheckOption(L, 1, name, v, "a string")
			case strings.TrimSpace(string(text)) == "":
				invalid(name, "value cannot be empty")
			case !httpguts.ValidHeaderFieldValue(string(text)):
				invalid(name, "a header cannot have it")
			}
			m.Cache = string(text)
		case "index":
			switch {
			case v == lua.LFalse:
			case !isText:
				luaval.CheckOption(L, 1, name, v, "the name of a file, or false,")
			case text == "" || text == "." || strings.HasPrefix(string(text), "..") || strings.ContainsAny(string(text), "/\\\x00"):
				invalid(name, "the name of a file expected, without a folder")
			}
			m.Index = string(text)
		case "spa", "precompressed":
			if !isFlag {
				luaval.CheckOption(L, 1, name, v, "a boolean")
			}
			if name == "spa" {
				m.SPA = bool(flag)
			} else {
				m.Precompressed = bool(flag)
			}
		case "hide":
			m.Hide = readHide(L, v)
			for _, pattern := range m.Hide {
				if err := files.CheckPattern(pattern); err != nil {
					invalid(name, err.Error())
				}
			}
		}
	})
	switch {
	case m.Dir == "":
		L.RaiseError("Missing 'dir' in static mount at '%s'", m.Pattern)
	case m.SPA && m.Index == "":
		invalid("spa", "there is no index to answer with")
	}
}

// readHide reads a pattern, or a list of them.
func readHide(L *lua.LState, v lua.LValue) (list []string) {
	const want = "a pattern such as *.map, or a list of them,"
	if text, ok := v.(lua.LString); ok {
		return []string{string(text)}
	}
	t, ok := v.(*lua.LTable)
	if !ok || t.MaxN() > maxHide {
		luaval.CheckOption(L, 1, "hide", v, want)
	}
	for i := 1; i <= t.MaxN(); i++ {
		text, ok := t.RawGetInt(i).(lua.LString)
		if !ok {
			luaval.CheckOption(L, 1, "hide", t.RawGetInt(i), want)
		}
		list = append(list, string(text))
	}
	return list
}

// IndexOf returns the name of a folder's index.
func (m *Mount) IndexOf(folder string) string { return path.Join(folder, m.Index) }

// FallsBack reports whether a file that is not there is the index of the mount: an application in
// the browser knows the path. What is named as a script or a picture is one that is missing: a page
// in its place would be kept as it. No application has paths with a name that begins with a dot.
func (m *Mount) FallsBack(name string) bool {
	if strings.Contains("/"+name, "/.") {
		return false
	}
	_, known := kinds[extension(name)]
	return m.SPA && (!known || extension(name) == ".html")
}
