// Package luac compiles the syntax trees of gopher-lua's parser to its function prototypes.
//
// It stands in for gopher-lua's own compiler, which computes other things than Lua 5.1 does: a, b =
// b, a makes both equal, ok = not a and b keeps the old value of ok, for x in f().g() calls
// something else. All of these have one cause: an expression is evaluated right into the register
// of a variable that the rest of the statement still reads, or into one below a value that is still
// wanted. Mending the cases one by one leaves the cause, so this package has the design of C Lua's
// compiler (lparser.c and lcode.c), which gopher-lua's virtual machine is made after:
//
//   - An expression is described (see operand), and put into a register only when it is known
//     which one.
//   - Registers are a stack. Variables lie at its bottom, temporaries above, and what is free is
//     above all.
//   - A variable is written by the last instruction of its assignment, when nothing is left to
//     read.
//
// The virtual machine differs from C Lua's in one thing that matters here: CALL and VARARG cut the
// stack off behind their results, so these go to the first free register, never below.
//
// Limits are those of C Lua, with its messages: 200 local variables and 250 registers a function,
// 2^18 constants, jumps over 2^17 instructions. Functions may use 255 variables of the functions
// around them; in C Lua it is 60. goto and labels are those of Lua 5.2. Line numbers are those of
// the last token that was read, as in C Lua, as far as the tree has them.
package luac
