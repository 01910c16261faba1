// Package files reads and writes the files that an operator lets a script use: in folders, which
// nothing leads out of, and no other files than regular ones. It knows no Lua. Any goroutine may
// use it.
//
// A path is opened below an [os.Root], so that no symbolic link leaves the folder, also not one
// that changes meanwhile. The folder itself is opened anew each time: it may be replaced, as builds
// and deployments do, by another one or by a link to it.
package files
