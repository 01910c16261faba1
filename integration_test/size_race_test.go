//go:build race

package integration_test

// largeMiB is less under the race detector, where a GiB takes 20 s: .ci/run sends that without it.
const largeMiB = 128

// scriptReloads is how often a script reloads itself under load ($RELOADS), less under the race detector.
const scriptReloads = 200
