// Package types has the definitions for lua-language-server of what scripts see, but for libraries, which
// have their own.
package types

import (
	"bytes"
	"embed"
	"io/fs"
)

//go:embed *.lua
var stubs embed.FS

// Stubs returns the definition files: rover.lua and one more for each part.
func Stubs() fs.FS { return stubs }

// IsDefinitions reports whether a source is definitions for editors, which nothing loads: it
// begins with ---@meta.
func IsDefinitions(source []byte) bool {
	first, _, _ := bytes.Cut(bytes.TrimPrefix(source, []byte("\xef\xbb\xbf")), []byte("\n"))
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(first), []byte("---@meta"))
	return ok && (len(rest) == 0 || rest[0] == ' ')
}
