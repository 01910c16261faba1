// Package module finds the files of modules that scripts require, and keeps what a script was made
// of. Any goroutine may use it.
package module
