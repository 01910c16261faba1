package luart

import "slices"

// ownNames are what rover has in every VM, without any library.
var ownNames = []string{
	"after", "config", "cron", "every", "html", "log", "matcher",
	"parallel", "policy", "ready", "server", "sleep", "spawn", "state", "tls_certificate",
	"tls_permission", "version",
}

// IsOwn reports whether rover.<name> is the VM's own, so that no library can have the name. Any
// goroutine may call it.
func IsOwn(name string) bool { return slices.Contains(ownNames, name) }
