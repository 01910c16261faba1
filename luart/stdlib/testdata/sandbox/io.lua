-- io without files.
list('nil "x/y: no files but those of rover.fs" 2', io.open("x/y"))
list('nil "x/y: no files but those of rover.fs" 2', io.open("x/y", "w"))
list('nil "no files but those of rover.fs" 2', io.tmpfile())
raises("(x: no files but those of rover.fs)", io.lines, "x")
raises("no files but those of rover.fs", io.input, "x")
raises("no files but those of rover.fs", io.output, "x")
raises("'popen' not supported", io.popen, "ls")
raises("bad argument #1", io.open)

list("true", io.write("a", 1, "\n"))
list("true", io.stdout:write("b\n"))
list("true", io.stderr:write("c\n"))
list("true", io.stdout:flush()) list("true", io.flush()) list("true", io.stdout:setvbuf("no"))
raises("string expected, got nil", io.write, nil)
raises("string expected, got table", io.write, {})
list('nil "Bad file descriptor" 9', io.stdin:write("x"))
list('nil "Bad file descriptor" 9', io.stdout:read())
list('nil "Illegal seek" 29', io.stdout:seek("set"))
list('nil "cannot close standard file"', io.stdout:close())
list('nil "cannot close standard file"', io.close())

-- The input has ended.
list("nil", io.read()) list('""', io.read("*a")) list("nil", io.read("*l")) list("nil", io.read(0)) list('"" nil', io.read("*a", "*n", "*l"))
raises("invalid format", io.read, "x")
for _ in io.lines() do error("a line") end
for _ in io.stdin:lines() do error("a line") end

eq(io.type(io.stdout), "file") eq(io.type({}), nil) eq(io.type(5), nil)
raises("value expected", io.type)
assert(tostring(io.stderr):find("^file %("))
eq(io.output(), io.stdout) eq(io.input(), io.stdin)
eq(io.output(io.stderr), io.stderr) eq(io.output(), io.stderr) io.output(io.stdout)
raises("bad argument #1", io.stdout.write, {}, "x")
eq(package.config, "/\n;\n?\n!\n-")
