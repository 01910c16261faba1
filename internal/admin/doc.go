// Package admin has the endpoints below /rover/ of Caddy's admin API, and the status page: what
// operators see of the scripts that run, and do to them. What is sent as JSON has a type here,
// which the commands of caddy rover read it into.
package admin
