// Package loglimit bounds what one entry of a log may be, and writes what Lua gives as its fields.
package loglimit
