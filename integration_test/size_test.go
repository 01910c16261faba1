//go:build !race

package integration_test

// largeMiB is how large the largest body of a script is ($MIB, and $BYTES).
const largeMiB = 1024
