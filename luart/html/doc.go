// Package html compiles templates, text with Lua in tags, to Lua functions, and escapes what they
// print for HTML.
package html
