package mirror_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/mirror"
)

// What comes behind the body is not copied: it could say again what the script has set in the copy.
func TestCloneHasNoTrailers(t *testing.T) {
	r := httptest.NewRequest("POST", "/", strings.NewReader("body"))
	r.Header.Set("Trailer", "X-User")
	r.Trailer = http.Header{"X-User": nil}
	c := mirror.Clone(r)
	r.Trailer["X-User"] = []string{"root"} // with the end of the body
	if c.Trailer != nil || c.Header.Get("Trailer") != "" {
		t.Errorf("%q, %q", c.Trailer, c.Header)
	}
}
