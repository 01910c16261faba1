// Package http is the library rover.http: requests to other services, which other handlers of the
// VM do not wait for.
//
// What it keeps in a VM is its counters; connections belong to a generation, one pool for each TLS
// setting. Package outbound says where they may go.
package http
