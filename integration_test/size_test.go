//go:build !race

package integration_test

// largeMiB is how large the largest body of a script is ($MIB, and $BYTES).
const largeMiB = 1024

// scriptReloads is how often a script reloads itself under load ($RELOADS).
const scriptReloads = 1000
