// Package scripttest runs tests of scripts: files named *_test.lua, whose tests send
// requests to a script that really runs, with upstreams that the tests make up and a clock
// that stands still.
//
// Each test has a VM of its own, with the file of tests loaded again, and an [App] of its
// own: what one test leaves behind, no other sees. What runs a script is not known here: an
// [Opener] is given. prelude.lua is what a test sees.
package scripttest
