package conditional

import (
	"strings"
	"testing"
)

func FuzzEntityTags(f *testing.F) {
	f.Add(`W/"a", "b",*`, `"b"`)
	f.Fuzz(func(t *testing.T, list, etag string) {
		if tag, _ := cutTag(etag); tag != etag || tag == "" || strings.Contains(list, "*") {
			return
		}
		weak, strong := matches([]string{list}, etag, weakMatch), matches([]string{list}, etag, strongMatch)
		if strong && !weak {
			t.Errorf("%q has %q, strongly alone", list, etag)
		}
		if weak && !strings.Contains(list, strings.TrimPrefix(etag, "W/")) {
			t.Errorf("%q has no %q", list, etag)
		}
	})
}
