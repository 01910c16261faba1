package stdlib

import (
	"errors"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/luaval"
)

// MaxChunkBytes is the longest source of load and loadstring. Compiling it holds the VM and is not
// interrupted: 64 KiB take up to 25 ms.
const MaxChunkBytes = 64 << 10

// newLoad makes load(chunk[, name[, mode[, env]]]): a function, or nil and a message. chunk is a
// string, or a function that is called for piece after piece until it returns nil or ""; an error
// of its own is the message. The function sees the globals of the Lua thread (see setfenv), or env.
// mode is not looked at: there are no precompiled chunks.
func newLoad(b *envBuilder) lua.LValue {
	d := b.domain
	return guarded(func(L *lua.LState) int {
		env := d.Globals(L)
		if L.GetTop() >= 4 {
			env = luaval.CheckTable(L, 4)
			d.give(env)
		}
		name := optName(L, 2, "=(load)")
		var source string
		switch chunk := L.Get(1).(type) {
		case lua.LString:
			source = string(chunk)
			name = optName(L, 2, source)
		case *lua.LFunction:
			var failure lua.LValue
			if source, failure = readChunk(L, chunk); failure != nil {
				L.Push(lua.LNil)
				L.Push(failure)
				return 2
			}
		default:
			luaval.ArgTypeError(L, 1, "function")
		}
		return loadChunk(L, source, name, env)
	})(b, "", "load")
}

// newLoadstring makes loadstring(chunk[, name]): load for strings.
func newLoadstring(b *envBuilder) lua.LValue {
	d := b.domain
	return b.L.NewFunction(func(L *lua.LState) int {
		source := luaval.CheckString(L, 1)
		return loadChunk(L, source, optName(L, 2, source), d.Globals(L))
	})
}

// loadChunk pushes the compiled function, or nil and a message.
func loadChunk(L *lua.LState, source, name string, env *lua.LTable) int {
	if len(source) > MaxChunkBytes {
		L.Push(lua.LNil)
		L.Push(lua.LString(chunkName(name, maxSyntaxNameBytes) + ": chunk too long: the limit of load is 65536 bytes"))
		return 2
	}
	proto, err := chunk.Compile([]byte(source), chunkName(name, maxNameBytes))
	if err != nil {
		var syntax *chunk.SyntaxError
		if errors.As(err, &syntax) {
			syntax.File = chunkName(name, maxSyntaxNameBytes)
		}
		L.Push(lua.LNil)
		L.Push(lua.LString(err.Error()))
		return 2
	}
	fn := L.NewFunctionFromProto(proto)
	fn.Env = env
	L.Push(fn)
	return 1
}

// readChunk calls a reader until its chunk ends or is too long. It returns an error object when
// that fails, or for a piece that is no string.
func readChunk(L *lua.LState, reader *lua.LFunction) (string, lua.LValue) {
	var chunk strings.Builder
	for chunk.Len() <= MaxChunkBytes {
		top := L.GetTop()
		L.Push(reader)
		if err := protect(L, 1); err != nil {
			return "", err.Object
		}
		piece := lua.LNil
		if L.GetTop() > top {
			piece = L.Get(top + 1)
		}
		L.SetTop(top)
		if piece == lua.LNil {
			break
		}
		if !lua.LVCanConvToString(piece) {
			return "", lua.LString(where(L, 1) + "reader function must return a string")
		}
		if luaval.ToString(L, piece) == "" {
			break
		}
		chunk.WriteString(luaval.ToString(L, piece))
	}
	return chunk.String(), nil
}

// How long the form of a chunk's name is at most, as in C Lua: in tracebacks and errors of what
// runs, and in syntax errors.
const (
	maxNameBytes       = 60
	maxSyntaxNameBytes = 80
)

// chunkName is the form of a chunk's name in messages, of at most limit bytes with the zero that
// ends it in C: after '=' its beginning, after '@' its end, else the first line of the source as
// [string "…"].
func chunkName(name string, limit int) string {
	switch {
	case strings.HasPrefix(name, "="):
		return name[1:min(len(name), limit)]
	case strings.HasPrefix(name, "@"):
		limit -= len(` '...' `) + 1
		if name = name[1:]; len(name) > limit {
			return "..." + name[len(name)-limit:]
		}
		return name
	}
	line := name
	if end := strings.IndexAny(name, "\n\r"); end >= 0 {
		line = name[:end]
	}
	if line = line[:min(len(line), limit-len(` [string "..."] `)-1)]; len(line) < len(name) {
		line += "..."
	}
	return `[string "` + line + `"]`
}

// optName returns the name of a chunk in argument n.
func optName(L *lua.LState, n int, otherwise string) string {
	if L.Get(n) == lua.LNil {
		return otherwise
	}
	return luaval.CheckString(L, n)
}

// functionArg returns the function that argument 1 of getfenv and setfenv means, nil for level 0.
// Levels count as those of debug.getinfo.
func functionArg(L *lua.LState) *lua.LFunction {
	if fn, ok := L.Get(1).(*lua.LFunction); ok {
		return fn
	}
	level := luaval.OptInt(L, 1, 1)
	if level < 0 {
		luaval.ArgError(L, 1, "level must be non-negative")
	}
	if level == 0 {
		return nil
	}
	switch l, ok := levelAt(L, level); {
	case !ok:
		luaval.ArgError(L, 1, "invalid level")
	case l.fn == nil:
		L.RaiseError("no function environment for tail call at level %d", level)
	default:
		return l.fn
	}
	return nil
}
