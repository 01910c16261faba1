// Package scripts keeps the Lua VMs in use, and what runs in them, across the configs of a
// process: a Script is what one rover directive runs, a Set the scripts of one config in one VM, a
// Group all sets of a config.
//
// Caddy starts a new config before it stops the old one, so two sets may be there for a VM, of
// which the newer one takes over. A load, at the start and at each reload, makes a generation of
// luart for each script of a set, and they take over together or not at all. A script that a new
// config has not changed is not loaded: its generation goes on, in both configs as long as both are
// there. The state saver belongs to the VM: it saves rover.state to Caddy's storage, as the config
// says that has taken over last.
package scripts
