// Package health is what a server says to those who ask whether it lives, and whether it may be
// sent requests: the paths of the probes and their answers (probe.go), and what the scripts depend
// on (dependencies.go). It knows no Lua.
package health
