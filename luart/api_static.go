package luart

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/route"
	"github.com/caddy-rover/rover/luart/static"
)

// addStatic is node.static{…}: the files here and below, which the server sends by itself.
func (g *Generation) addStatic(L *lua.LState, n *api.Node) {
	m := &static.Mount{Pattern: cmp.Or(n.Path(), "/"), Where: luaval.CallerLine(L)}
	if n.Kind == route.Wildcard {
		L.RaiseError("static mount at '%s': a wildcard has no files below it; mount them at the place before it", m.Pattern)
	}
	for _, other := range n.Rules {
		if other.Kind == "static" {
			L.RaiseError("static mount at '%s': there is one already (%s)", m.Pattern, other.Where)
		}
	}
	m.Read(L)
	if g.checkMount != nil {
		g.openStatic(L, m)
	}
	name := g.ruleNameAt(L, n, "static", m.Pattern)
	n.Rules = append(n.Rules, api.Rule{Kind: "static", Name: name, Where: m.Where, Rule: m})
}

// openStatic finds the folder of a mount.
func (g *Generation) openStatic(L *lua.LState, m *static.Mount) {
	fail := func(why string) { L.RaiseError("static mount at '%s': %s", m.Pattern, why) }
	place, err := g.files.Find(g.dir, m.Dir)
	if errors.Is(err, files.ErrForbidden) {
		fail("'" + m.Dir + `' is in no folder that the script may use: add "allow fs ` + m.Dir + ` ro" to the rover block of the Caddyfile`)
	}
	if err != nil {
		fail("'" + m.Dir + "': " + err.Error())
	}
	if rel, err := filepath.Rel(place.Path(), g.dir); err == nil && filepath.IsLocal(rel) {
		fail("'" + m.Dir + "' has the script in it, which everybody could read then")
	}
	var info files.Info
	g.vm.await(L, waitsOn{what: "reading folder", which: m.Dir}, func(ctx context.Context) {
		info, err = files.Call(ctx, files.Everywhere, place.Stat)
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fail("there is no folder '" + m.Dir + "'")
	case err != nil:
		fail("'" + m.Dir + "': " + err.Error())
	case info.Type != "directory":
		fail("'" + m.Dir + "' is not a folder")
	}
	if m.Public, err = files.NewPublic(place, m.Hide); err == nil {
		err = g.checkMount(m)
	}
	if err != nil {
		fail(err.Error())
	}
}

// filesWanted reports whether the request is one for files: it is below a mount.
func (x *Exchange) filesWanted() bool {
	return x.match.Mount != nil && x.match.Handler == nil && x.answersFor == 0 && (x.r.Method == http.MethodGet || x.r.Method == http.MethodHead)
}

// isFile reports whether the request goes on to the files of a mount: no route is at its path, also
// not for other methods.
func (x *Exchange) isFile() bool { return x.filesWanted() && len(x.match.Known) == 0 }

// aimAtFile makes the file that the request asks for what it is passed on to, if it is one, in the
// place of the next handler. A hook may have rewritten the path since it was matched, to another
// file of the mount. Of another mount it is none: the rules of its place have not been asked.
func (x *Exchange) aimAtFile() {
	if !x.isFile() {
		return
	}
	h, m := x.match.Mount, x.gen.tree.Mounted(x.r)
	x.next = static.File{Mount: h.static, Name: m.Name, Slash: m.Slash, Clear: m.Clear && m.Mount == h, Private: x.isGuarded()}
	x.traceRule("static", h.name, h.where, time.Now(), "the file "+strconv.Quote(m.Name))
}

// isGuarded reports whether not everybody may have what the request asks for, as far as that is
// known.
func (x *Exchange) isGuarded() bool {
	if len(x.match.Before) > 0 || len(x.r.Header["Authorization"]) > 0 {
		return true
	}
	for _, h := range x.match.Rules {
		if h.rule != nil && h.rule.stage() == stageAuth {
			return true
		}
	}
	return false
}

// Next is what the request is passed on to: what Begin was given, or a static.File.
func (x *Exchange) Next() any { return x.next }
