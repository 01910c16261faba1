package response

import (
	"mime"

	"github.com/caddy-rover/rover/luart/reqbody"
)

// SaysJSON returns what the headers say of the body: whether they say anything, and that it is JSON.
func (r *Response) SaysJSON() (said, isJSON bool) {
	types := r.HeaderMap()["Content-Type"]
	if len(types) == 0 || len(types) == 1 && types[0] == "" {
		return false, false
	}
	kind, _, err := mime.ParseMediaType(types[0])
	return true, len(types) == 1 && err == nil && reqbody.IsJSON(kind)
}
