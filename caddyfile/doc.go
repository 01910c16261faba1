// Package caddyfile turns the rover directive into its configuration.
//
// It holds [Config], the one description of what an operator may set, and the
// parser that fills it from Caddyfile tokens. Package internal/handler embeds Config in
// its handler, so the JSON of the handler is the JSON of Config.
//
// # Who does what, in order
//
//   - [Parse] reads the tokens while a Caddyfile is adapted. Every error carries
//     file:line. What the Caddyfile leaves out stays zero, so the adapted JSON says
//     what the operator said and nothing else.
//   - [Config.SetDefaults] replaces zeros by the Default constants, when the
//     handler is provisioned.
//   - [Config.Validate] checks ranges. It is the only judge: the parser asks the
//     same functions, so JSON and Caddyfile accept the same values.
//
// The one difference: an absent or zero number in JSON means the default, while a
// 0 written out in a Caddyfile is refused as out of range.
//
// # What stays with others
//
// Placeholders in the values of set are resolved, and the script is looked up,
// read and compiled, when the handler is provisioned: the machine that adapts a
// Caddyfile need not be the one that runs it.
//
// Caddy's package of the same name meets this one in many files; import this one
// as rovercaddyfile.
package caddyfile
