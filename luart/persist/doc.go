// Package persist keeps snapshots in a key-value storage such that one can always be read.
//
// The snapshots of one kind of a VM, of its state say, are in a folder of their own ([Folder]), in two slots that are written
// alternately. Whatever happens while one is written, the other has the snapshot before it,
// on storages too that write half a value or claim an error for a whole one. What is read is
// the newest that is valid: the one with the highest sequence number, which grows with every
// write and is never behind the clock.
//
//	rover/<kind>/<vm>/a, b                   the slots
//	rover/<kind>/<vm>/unreadable-<time>-a    what was in a slot and could not be read
//	rover/<kind>/<vm>/not-restored-<time>-a  what could be read, and was not wanted
//
// A snapshot is a first line, a line of JSON ([Header]), the state, and the SHA-256 of all
// that. These stay as they are in all versions; the version in the header is that of the
// state.
//
// # Several writers
//
// The slots are not locked: a lock would have to be held for as long as the process runs,
// and after a crash be waited for. Two processes that keep a VM of the same name in the same
// storage disturb each other in one way only: the last one that writes wins, up to the
// difference of their clocks. Each write is one whole snapshot, so they never mix. A writer
// does not look at what the other one does; that would be a read for every write.
package persist
