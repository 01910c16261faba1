// Package openapi describes what a script answers as a document of OpenAPI 3.1: its routes, what it
// expects of requests, and what it says of its responses. It knows no Lua. The same routes make the same
// document, to the byte.
package openapi
