// Package reference makes the pages of docs/reference from the definitions for editors: files of
// LuaCATS annotations, of which it knows those that these files use and no other. Beside them a
// comment has paragraphs that begin with a word: "Errors: …", "Waits: …" and "Where: …". A comment
// of a function ends with an example, a block of Lua, or with "Example: see f." where another one
// shows it.
//
// A test of package luart runs the examples, and fails when a page is not what this package
// makes.
package reference
