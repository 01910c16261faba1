package luart

import (
	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/stdlib"
)

// print is what print does: the log gets the line, and where that was printed, or whoever has
// asked for the chunk that runs gets it.
func (vm *VM) print(L *lua.LState, line string) { vm.show(L, vm.cur, stdlib.Stdout, line) }

// debugPrint is what debug.print does: the log gets the text at debug, if it wants that. Only the
// holder may call it.
func (vm *VM) debugPrint(L *lua.LState, text func() string) {
	if log := vm.cur.log(); log.Core().Enabled(zap.DebugLevel) {
		log.Debug(text(), zap.String("at", luaval.CallerLine(L)))
	}
}

// show gives a line to the log, at the level of its stdlib.Stream, or to whoever has asked for the
// chunk that c runs. L is what prints it; nil: it is what was left of a line. Only the holder may
// call it.
func (vm *VM) show(L *lua.LState, c *call, from stdlib.Stream, line string) {
	for asked := c; asked != nil; asked = asked.parent {
		if asked.printed != nil {
			if len(*asked.printed) < maxPrinted {
				*asked.printed = append(*asked.printed, validText(loglimit.Cut(line, loglimit.MaxBytes)))
			}
			return
		}
	}
	var at []zap.Field
	if L != nil {
		at = []zap.Field{zap.String("at", luaval.CallerLine(L))}
	}
	if from == stdlib.Stderr {
		c.log().Warn(line, at...)
		return
	}
	c.log().Info(line, at...)
}

// write is what io.write and the streams do: print line by line. What of a line there is
// when the call ends is printed then: lines of different requests do not mix. Only the
// holder may call it.
func (vm *VM) write(L *lua.LState, to stdlib.Stream, text string) {
	c := vm.cur
	if c.written == nil {
		c.written = &stdlib.LineBuffer{}
		c.atEnd(c.written, func() {
			c.written.Flush(stdlib.Stdout, func(line string) { vm.show(nil, c, stdlib.Stdout, line) })
			c.written.Flush(stdlib.Stderr, func(line string) { vm.show(nil, c, stdlib.Stderr, line) })
		})
	}
	c.written.Write(to, text, func(line string) { vm.show(L, c, to, line) })
}

// flushLine prints what of a line there is. Only the holder may call it.
func (vm *VM) flushLine(L *lua.LState, to stdlib.Stream) {
	if c := vm.cur; c.written != nil {
		c.written.Flush(to, func(line string) { vm.show(L, c, to, line) })
	}
}
