// Package done watches what done hooks are told of: what became of a response, and how many
// requests there are whose hooks have not ended. It knows no Lua: the hooks themselves are run by
// package luart.
package done
