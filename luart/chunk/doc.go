// Package chunk makes functions of Lua source, and says what it knows of source: files and
// positions in messages, the statements and what is called or indexed in them, and what is likely
// meant by source that does not parse. It knows no VM. Any goroutine may use it.
package chunk
