package handler

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// checkLibraries refuses a library that another handler of the VM has with other settings: what it
// keeps in the VM, both use.
func (h *Handler) checkLibraries(others []*Handler) error {
	for _, name := range slices.Sorted(maps.Keys(h.LibrariesRaw)) {
		for _, other := range others {
			settings, both := other.LibrariesRaw[name]
			if both && other.vm.Name == h.vm.Name && !sameJSON(settings, h.LibrariesRaw[name]) {
				return fmt.Errorf("library %q of VM %q: the directive of script %q configures it otherwise than that of script %q; in one VM its settings are the same",
					name, h.vm.Name, h.Script, other.Script)
			}
		}
	}
	return nil
}

// sameJSON reports whether two texts mean the same value.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
