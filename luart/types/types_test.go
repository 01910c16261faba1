package types

import "testing"

func TestIsDefinitions(t *testing.T) {
	for source, want := range map[string]bool{
		"---@meta": true, "---@meta rover\nrover = {}": true, "\xef\xbb\xbf---@meta\r\n": true,
		"": false, "-- ---@meta": false, "---@metadata": false, "local a\n---@meta": false,
	} {
		if got := IsDefinitions([]byte(source)); got != want {
			t.Errorf("%q: %v", source, got)
		}
	}
}
