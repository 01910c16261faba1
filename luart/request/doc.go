// Package request is what scripts read of the head of a request, and how they change its URL. What
// takes an *lua.LState is for the goroutine that holds the VM; arguments begin with the second, as
// ctx is the first.
package request
