// Package jsonlua turns Lua values into JSON and back, for rover.json, request bodies and answers.
//
// A function that takes an *lua.LState or a Lua value is for the goroutine that holds the VM.
package jsonlua
