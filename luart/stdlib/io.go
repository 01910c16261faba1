package stdlib

import (
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// This file is io for scripts, which have no files: libraries take its functions as locals while
// they load, and write with them. io.stdout and io.stderr are the VM's log, line by line; io.stdin
// is empty; nothing else can be opened.

// errNoFiles is why nothing can be opened, and errno what C gives for a file that is not there.
const (
	errNoFiles = "no files but those of rover.fs"
	noEntry    = 2  // ENOENT
	badFile    = 9  // EBADF
	noSeek     = 29 // ESPIPE
)

// MaxLineBytes of a line are kept until its end is written: a longer one is logged in pieces.
const MaxLineBytes = 8 << 10

// Stream is one of the streams that scripts write to.
type Stream int

const (
	stdin Stream = iota
	Stdout
	Stderr
)

func (s Stream) String() string { return [...]string{"stdin", "stdout", "stderr"}[s] }

// LineBuffer holds the lines that are not complete yet. Not safe for concurrent use.
type LineBuffer struct {
	rest [Stderr + 1]strings.Builder
}

// Write takes text and calls line for each line in it that is complete, without its newline, or too
// long.
func (b *LineBuffer) Write(to Stream, text string, line func(string)) {
	rest := &b.rest[to]
	for {
		part, after, complete := strings.Cut(text, "\n")
		for rest.Len()+len(part) > MaxLineBytes {
			room := MaxLineBytes - rest.Len()
			rest.WriteString(part[:room])
			part = part[room:]
			line(rest.String())
			rest.Reset()
		}
		rest.WriteString(part)
		if !complete {
			return
		}
		line(rest.String())
		rest.Reset()
		text = after
	}
}

// Flush calls line with what is not complete, if there is anything.
func (b *LineBuffer) Flush(to Stream, line func(string)) {
	if rest := &b.rest[to]; rest.Len() > 0 {
		line(rest.String())
		rest.Reset()
	}
}

// ioLibrary is what the functions of io share in one generation. Only the holder may use it.
type ioLibrary struct {
	write func(L *lua.LState, to Stream, text string) // nil: nowhere
	flush func(L *lua.LState, to Stream)
	meta  *lua.LTable // of the streams

	files         [Stderr + 1]*lua.LUserData
	input, output *lua.LUserData // what io.read and io.write use
}

// newIO makes the library's streams.
func newIO(b *envBuilder) *ioLibrary {
	io := &ioLibrary{write: b.hooks.Write, flush: b.hooks.Flush}
	method := func(fn func(*lua.LState, Stream) int) *lua.LFunction {
		return b.L.NewFunction(func(L *lua.LState) int { return fn(L, checkStream(L, 1)) })
	}
	io.meta = b.L.NewTable()
	for name, fn := range map[string]func(*lua.LState, Stream) int{
		"write":   func(L *lua.LState, s Stream) int { return io.writeArgs(L, s, 2) },
		"read":    func(L *lua.LState, s Stream) int { return io.read(L, s, 2) },
		"lines":   func(L *lua.LState, _ Stream) int { return io.linesOf(L) },
		"close":   func(L *lua.LState, _ Stream) int { return closeStandard(L) },
		"flush":   func(L *lua.LState, s Stream) int { return io.flushTo(L, s) },
		"seek":    func(L *lua.LState, _ Stream) int { return fails(L, "Illegal seek", noSeek) },
		"setvbuf": func(L *lua.LState, _ Stream) int { L.Push(lua.LTrue); return 1 },
		"__tostring": func(L *lua.LState, s Stream) int {
			L.Push(lua.LString("file (" + s.String() + ")"))
			return 1
		},
	} {
		io.meta.RawSetString(name, method(fn))
	}
	io.meta.RawSetString("__index", io.meta)
	for s := range io.files {
		io.files[s] = luaval.NewObject(io.meta, Stream(s))
	}
	io.input, io.output = io.files[stdin], io.files[Stdout]
	return io
}

// ioFunction makes a function of io.
func ioFunction(fn func(io *ioLibrary, L *lua.LState) int) source {
	return func(b *envBuilder, _, _ string) lua.LValue {
		io := b.ioLibrary()
		return b.L.NewFunction(func(L *lua.LState) int { return fn(io, L) })
	}
}

// ioStream makes io.stdin and its kin.
func ioStream(s Stream) source {
	return func(b *envBuilder, _, _ string) lua.LValue { return b.ioLibrary().files[s] }
}

func (b *envBuilder) ioLibrary() *ioLibrary {
	if b.io == nil {
		b.io = newIO(b)
	}
	return b.io
}

// checkStream returns argument n, one of the streams.
func checkStream(L *lua.LState, n int) Stream {
	if ud, ok := L.Get(n).(*lua.LUserData); ok {
		if s, ok := ud.Value.(Stream); ok {
			return s
		}
	}
	luaval.ArgTypeError(L, n, "FILE*")
	return 0
}

// fails returns what functions of io return that fail.
func fails(L *lua.LState, why string, errno int) int {
	L.Push(lua.LNil)
	L.Push(lua.LString(why))
	L.Push(lua.LNumber(errno))
	return 3
}

// closeStandard is close, of what cannot be closed.
func closeStandard(L *lua.LState) int {
	L.Push(lua.LNil)
	L.Push(lua.LString("cannot close standard file"))
	return 2
}

// writeArgs writes the arguments from one on, strings and numbers, and returns true.
func (io *ioLibrary) writeArgs(L *lua.LState, to Stream, first int) int {
	for i := first; i <= L.GetTop(); i++ {
		text := luaval.CheckString(L, i)
		if to == stdin {
			return fails(L, "Bad file descriptor", badFile)
		}
		if io.write != nil {
			io.write(L, to, text)
		}
	}
	L.Push(lua.LTrue)
	return 1
}

// read returns what there is of each format: nothing, for the input has ended. As in C Lua "*a" is
// "", and with the first nil the reading ends.
func (io *ioLibrary) read(L *lua.LState, from Stream, first int) int {
	if from != stdin {
		return fails(L, "Bad file descriptor", badFile)
	}
	n := 0
	for i, last := first, L.GetTop(); i <= last; i++ {
		format := "*n"
		if _, bytes := L.Get(i).(lua.LNumber); !bytes {
			format = luaval.CheckString(L, i)
		}
		n++
		switch {
		case strings.HasPrefix(format, "*a"):
			L.Push(lua.LString(""))
			continue
		case !strings.HasPrefix(format, "*l") && !strings.HasPrefix(format, "*n"):
			luaval.ArgError(L, i, "invalid format")
		}
		L.Push(lua.LNil)
		return n
	}
	if n == 0 {
		L.Push(lua.LNil)
		return 1
	}
	return n
}

// linesOf returns an iterator over no lines.
func (io *ioLibrary) linesOf(L *lua.LState) int {
	L.Push(L.NewFunction(func(L *lua.LState) int { L.Push(lua.LNil); return 1 }))
	return 1
}

// flushTo logs what of a line there is.
func (io *ioLibrary) flushTo(L *lua.LState, to Stream) int {
	if io.flush != nil && to != stdin {
		io.flush(L, to)
	}
	L.Push(lua.LTrue)
	return 1
}

// ioOpen is io.open(name[, mode]): nil, why, and C's number for a file that is not there.
func ioOpen(_ *ioLibrary, L *lua.LState) int {
	return fails(L, luaval.CheckString(L, 1)+": "+errNoFiles, noEntry)
}

// ioTmpfile is io.tmpfile().
func ioTmpfile(_ *ioLibrary, L *lua.LState) int { return fails(L, errNoFiles, noEntry) }

// ioPopen is io.popen, as where C has none.
func ioPopen(_ *ioLibrary, L *lua.LState) int {
	L.RaiseError("'popen' not supported")
	return 0
}

// ioLines is io.lines([name]): an iterator over no lines. Errors: a name.
func ioLines(io *ioLibrary, L *lua.LState) int {
	if L.Get(1) != lua.LNil {
		luaval.ArgError(L, 1, luaval.CheckString(L, 1)+": "+errNoFiles)
	}
	return io.linesOf(L)
}

// ioType is io.type(v): "file" for a stream, nil for what is none.
func ioType(_ *ioLibrary, L *lua.LState) int {
	if ud, ok := luaval.CheckAny(L, 1).(*lua.LUserData); ok {
		if _, ok := ud.Value.(Stream); ok {
			L.Push(lua.LString("file"))
			return 1
		}
	}
	L.Push(lua.LNil)
	return 1
}

// ioInput and ioOutput are io.input([stream]) and io.output([stream]): the stream that io.read and
// io.write use, which a stream given becomes. Errors: the name of a file. Only the holder may call
// them.
func ioInput(io *ioLibrary, L *lua.LState) int  { return standard(L, &io.input) }
func ioOutput(io *ioLibrary, L *lua.LState) int { return standard(L, &io.output) }

func standard(L *lua.LState, file **lua.LUserData) int {
	switch v := L.Get(1).(type) {
	case *lua.LNilType:
	case lua.LString, lua.LNumber:
		luaval.ArgError(L, 1, v.String()+": "+errNoFiles)
	default:
		checkStream(L, 1)
		*file = v.(*lua.LUserData)
	}
	L.Push(*file)
	return 1
}

func ioWrite(io *ioLibrary, L *lua.LState) int {
	return io.writeArgs(L, io.output.Value.(Stream), 1)
}

func ioRead(io *ioLibrary, L *lua.LState) int { return io.read(L, io.input.Value.(Stream), 1) }

func ioFlush(io *ioLibrary, L *lua.LState) int {
	return io.flushTo(L, io.output.Value.(Stream))
}

// ioClose is io.close([stream]), which closes none.
func ioClose(_ *ioLibrary, L *lua.LState) int {
	if L.Get(1) != lua.LNil {
		checkStream(L, 1)
	}
	return closeStandard(L)
}
