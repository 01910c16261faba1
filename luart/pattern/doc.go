// Package pattern matches Lua 5.1 patterns in bounded slices of time and space.
//
// [Compile] turns a pattern into a list of items once; [Pattern.Find] looks for a match from a
// position on. What matches, and what is captured, is what C Lua 5.1 says, byte for byte. Strings
// are bytes.
//
// # Costs
//
// A match keeps one choice for each repeated item of the pattern, in a stack that Compile has made:
// nothing recurses, nothing is allocated, however long the subject is. Time is another matter: a
// pattern with k repetitions may try all of n^k ways to split a subject of n bytes. So Find counts
// its steps, across calls, and asks its caller about every 1024 steps (some microseconds) whether
// to go on.
//
// # Differences from C Lua 5.1
//
//   - A malformed pattern is an error when it is compiled, not only when a match happens to reach the mistake.
//   - NUL is a byte like any other in patterns, as in Lua 5.2; %z still matches it.
//   - Every error text begins with "malformed pattern", but for the limits: [MaxBytes] and [MaxCaptures].
//   - A back reference to a position capture never matches: C compares with a capture of length (size_t)-2.
//
// # Differences from gopher-lua's package pm
//
// It takes the following wrong, and this package right:
//
//   - %f[set], the frontier, is an 'f' there.
//   - In a set it reads %a-z as a range, and the end of a range as a class or as another '-': [%a-z], [a-%z], [+--].
//   - A '%' at the end, and a %b without its two bytes, are no error there; they match nothing.
//   - A back reference to a capture that is still open, or to a position capture, compares with whatever bytes it
//     finds, or panics.
//   - It recurses once for each repetition of an item, up to a million times, and compiles the pattern for each call.
package pattern
