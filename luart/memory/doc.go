// Package memory counts what the scripts of a VM keep alive, and watches that it is not too much.
package memory
