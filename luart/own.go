package luart

import "slices"

// ownNames are what rover has in every VM, without any library.
var ownNames = []string{
	"after", "cache", "channel", "config", "cron", "env", "every", "html", "lock", "log", "matcher",
	"parallel", "policy", "semaphore", "server", "sleep", "spawn", "state", "version",
}

// IsOwn reports whether rover.<name> is the VM's own, so that no library can have the name. Any
// goroutine may call it.
func IsOwn(name string) bool { return slices.Contains(ownNames, name) }
