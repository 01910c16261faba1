// Package schema says in Go what a script expects of data: of a body, a query, parameters, headers.
// It knows no Lua and no HTTP; package expect reads schemas of scripts, and compares values with them.
//
// A schema does not change once it has been read. It may hold itself: who walks it keeps count of where
// he was.
package schema
