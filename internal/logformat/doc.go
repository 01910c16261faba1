// Package logformat writes log entries for people: what has lines of its own, such as the source
// around an error, is printed in lines.
package logformat
