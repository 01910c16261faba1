// Package static is what a script says of files that everybody may have, api.assets.static{…}, and
// what follows of their names: how long they are kept, what type they have. It serves none: that
// does the server that the VM runs in.
package static
