// Package watch reads the files of scripts, which may be on a disk that does not answer, and waits
// for changes in their folders.
package watch
