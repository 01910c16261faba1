// Package crypto is rover.crypto: hashes, HMACs, random bytes, signatures, sealed texts, certificates.
//
// A function that takes an *lua.LState is for the goroutine that holds the VM.
package crypto
