// Package profile makes profiles for pprof of what the Lua code of a VM does.
package profile
