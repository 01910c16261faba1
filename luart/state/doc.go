// Package state writes the tables of rover.state as bytes and reads them again. It knows no VM.
//
// Tables belong to the goroutine that holds their VM.
package state
