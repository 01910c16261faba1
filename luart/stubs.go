package luart

import (
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
