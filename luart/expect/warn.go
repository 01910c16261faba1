package expect

import (
	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Warnings are what schemas of a script say without an effect. Each place of the script is in the log
// once: it may make a schema for each request.
type Warnings struct {
	Logger *zap.Logger
	seen   map[string]bool // file:line
}

// maxWarned places are in the log.
const maxWarned = 100

// Of returns the warn of Read for the code that runs in L.
func (w *Warnings) Of(L *lua.LState) func(why string) {
	return func(why string) {
		at := luaval.LuaLine(L)
		if w.seen[at] || len(w.seen) == maxWarned {
			return
		}
		if w.seen == nil {
			w.seen = map[string]bool{}
		}
		w.seen[at] = true
		w.Logger.Warn("a schema says what has no effect", zap.String("at", at), zap.String("reason", why))
	}
}
