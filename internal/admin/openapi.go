package admin

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/openapi"
)

// getOpenAPI is GET /rover/openapi.json[?vm=name][&script=path][&title=…][&version=…][&server=…]: the
// document of one script.
func getOpenAPI(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	gen, err := generationOf(group, r)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	document, err := gen.OpenAPI(openapi.Info{Title: query.Get("title"), Version: query.Get("version"), Servers: query["server"]})
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusInternalServerError, Err: err}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff") // the status page links it
	_, err = w.Write(document)
	return err
}

// generationOf returns what serves of the one script that a request is about.
func generationOf(group *scripts.Group, r *http.Request) (*luart.Generation, error) {
	sets, err := setsOf(group, r)
	if err != nil {
		return nil, err
	}
	want := r.URL.Query().Get("script")
	found := map[string]*luart.Generation{}
	var paths []string
	for _, set := range sets {
		for _, script := range set.Scripts() {
			path, gen := script.Path(), script.Live()
			if gen == nil || found[path] != nil || want != "" && want != path {
				continue
			}
			found[path] = gen
			paths = append(paths, path)
		}
	}
	switch len(paths) {
	case 1:
		return found[paths[0]], nil
	case 0:
		return nil, caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf("there is no script %q", want)}
	}
	return nil, caddy.APIError{
		HTTPStatus: http.StatusBadRequest,
		Err:        fmt.Errorf("which script? script=…, one of: %s", strings.Join(paths, ", ")),
	}
}
