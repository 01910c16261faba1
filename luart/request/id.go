package request

import (
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// ID returns the id of r: the client's X-Request-Id if it has one and that is sane, else a new one.
// From then on the request carries it, also to the upstream.
func ID(r *http.Request) string {
	const header = "X-Request-Id"
	sent := r.Header[header]
	if len(sent) == 1 && len(sent[0]) > 0 && len(sent[0]) <= 128 && !strings.ContainsFunc(sent[0], func(r rune) bool { return r <= ' ' || r > '~' }) {
		return sent[0]
	}
	id := uuid.NewString()
	r.Header[header] = []string{id}
	return id
}
