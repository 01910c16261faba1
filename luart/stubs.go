package luart

import (
	"bytes"
	"embed"
	"io/fs"
)

//go:embed types/*.lua
var stubs embed.FS

// Stubs returns what lua-language-server is told of what scripts see: a folder of definition
// files, rover.lua and one more for each part. Libraries have theirs in lib.Library. Any goroutine
// may call it.
func Stubs() fs.FS {
	sub, err := fs.Sub(stubs, "types")
	if err != nil { // the name is right
		panic(err)
	}
	return sub
}

// IsDefinitions reports whether a source is definitions for editors, which nothing loads: it
// begins with ---@meta.
func IsDefinitions(source []byte) bool {
	first, _, _ := bytes.Cut(bytes.TrimPrefix(source, []byte("\xef\xbb\xbf")), []byte("\n"))
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(first), []byte("---@meta"))
	return ok && (len(rest) == 0 || rest[0] == ' ')
}
