// Package reqbody reads bodies of requests: into memory or a file, part by part, no slower than a
// rate, and no shorter than announced. It knows no Lua.
package reqbody
