package luart

// print is what print does: the log gets the line, or whoever has asked for the chunk
// that runs. Only the holder may call it.
func (vm *VM) print(line string) { vm.show(vm.cur, stdout, line) }

// show gives a line to the log, at the level of its stdStream, or to whoever has asked for the
// chunk that c runs. Only the holder may call it.
func (vm *VM) show(c *call, from stdStream, line string) {
	for asked := c; asked != nil; asked = asked.parent {
		if asked.printed != nil {
			if len(*asked.printed) < maxPrinted {
				*asked.printed = append(*asked.printed, validText(cutText(line, maxLogBytes)))
			}
			return
		}
	}
	if from == stderr {
		c.log().Warn(line)
		return
	}
	c.log().Info(line)
}

// write is what io.write and the streams do: print line by line. What of a line there is
// when the call ends is printed then: lines of different requests do not mix. Only the
// holder may call it.
func (vm *VM) write(to stdStream, text string) {
	c := vm.cur
	if c.written == nil {
		c.written = &lineBuffer{}
		c.atEnd(c.written, func() {
			c.written.flush(stdout, func(line string) { vm.show(c, stdout, line) })
			c.written.flush(stderr, func(line string) { vm.show(c, stderr, line) })
		})
	}
	c.written.write(to, text, func(line string) { vm.show(c, to, line) })
}

// flushLine prints what of a line there is. Only the holder may call it.
func (vm *VM) flushLine(to stdStream) {
	if c := vm.cur; c.written != nil {
		c.written.flush(to, func(line string) { vm.show(c, to, line) })
	}
}
