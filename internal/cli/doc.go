// Package cli has the commands of caddy rover: those that work with the scripts of a running Caddy,
// which ask its admin API, and those that run or check a script without one. Nobody imports it.
package cli
