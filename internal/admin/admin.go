package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-rover/rover/internal/scripts"
)

func init() {
	caddy.RegisterModule(API{})
}

// API are the endpoints below /rover/ of Caddy's admin API. They are about the config
// that runs, whatever config was running when the endpoints were made.
type API struct{}

// endpoint is a method of a path.
type endpoint struct {
	method, path string
	handle       handlerFunc
}

// handlerFunc answers a request. It gets the scripts of the config that runs.
type handlerFunc func(group *scripts.Group, w http.ResponseWriter, r *http.Request) error

// endpoints are all there are.
var endpoints = []endpoint{
	{http.MethodGet, "/rover/status", getStatus},
	{http.MethodGet, "/rover/routes", getRoutes},
	{http.MethodGet, "/rover/openapi.json", getOpenAPI},
	{http.MethodPost, "/rover/reload", replace((*scripts.Set).Reload)},
	{http.MethodPost, "/rover/rollback", replace((*scripts.Set).Rollback)},
	{http.MethodGet, "/rover/inflight", getInFlight},
	{http.MethodPost, "/rover/kill", kill},
	{http.MethodGet, "/rover/live", getLive},
	{http.MethodGet, "/rover/ui", getPage},
	{http.MethodGet, "/rover/profile", getProfile},
	{http.MethodGet, "/rover/vms", getVMs},
	{http.MethodGet, "/rover/errors", getErrors},
	{http.MethodGet, "/rover/state", getState},
	{http.MethodPost, "/rover/eval", eval},
}

// CaddyModule returns the Caddy module information.
func (API) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.rover",
		New: func() caddy.Module { return new(API) },
	}
}

// Routes returns the endpoints, one for each path, one that answers for all others, and Caddy's own
// that loads a config.
func (API) Routes() []caddy.AdminRoute {
	methods := map[string]map[string]endpoint{"/rover/": {}}
	for _, e := range endpoints {
		if methods[e.path] == nil {
			methods[e.path] = map[string]endpoint{}
		}
		methods[e.path][e.method] = e
	}
	var list []caddy.AdminRoute
	for path, byMethod := range methods {
		list = append(list, caddy.AdminRoute{Pattern: path, Handler: handlerOf(byMethod)})
	}
	if load := loadRoute(); load != nil {
		list = append(list, *load)
	}
	return list
}

// handlerOf answers for one path, whose routes have these methods.
func handlerOf(byMethod map[string]endpoint) caddy.AdminHandlerFunc {
	allow := strings.Join(slices.Sorted(maps.Keys(byMethod)), ", ")
	return func(w http.ResponseWriter, r *http.Request) error {
		e, ok := byMethod[r.Method]
		switch {
		case len(byMethod) == 0:
			var paths []string
			for _, e := range endpoints {
				paths = append(paths, e.method+" "+e.path)
			}
			return caddy.APIError{
				HTTPStatus: http.StatusNotFound,
				Err:        fmt.Errorf("there is no %s; there are: %s", r.URL.Path, strings.Join(paths, ", ")),
			}
		case !ok:
			w.Header().Set("Allow", allow)
			return caddy.APIError{
				HTTPStatus: http.StatusMethodNotAllowed,
				Err:        fmt.Errorf("method %s is not allowed: use %s", r.Method, allow),
			}
		}
		group := scripts.Live()
		if group == nil {
			return caddy.APIError{
				HTTPStatus: http.StatusNotFound,
				Err:        errors.New("the configuration has no rover directive"),
			}
		}
		return e.handle(group, w, r)
	}
}

// setsOf returns the sets that a request is about: that of the VM which vm names
// in the query, a name or the path of a script, or all.
func setsOf(group *scripts.Group, r *http.Request) ([]*scripts.Set, error) {
	name := r.URL.Query().Get("vm")
	if name == "" {
		return group.Sets(), nil
	}
	var names []string
	var withScript []*scripts.Set
	for _, set := range group.Sets() {
		if set.VM().Name == name {
			return []*scripts.Set{set}, nil
		}
		if slices.ContainsFunc(set.Scripts(), func(s *scripts.Script) bool { return s.Path() == name }) {
			withScript = append(withScript, set)
		}
		names = append(names, set.VM().Name)
	}
	if withScript != nil {
		return withScript, nil
	}
	return nil, caddy.APIError{
		HTTPStatus: http.StatusNotFound,
		Err:        fmt.Errorf("there is no VM %q; there are: %s", name, strings.Join(names, ", ")),
	}
}

// describe returns what of returns for each VM that a request is about.
func describe[T any](group *scripts.Group, r *http.Request, of func(*scripts.Set) (T, error)) ([]T, error) {
	sets, err := setsOf(group, r)
	if err != nil {
		return nil, err
	}
	list := make([]T, 0, len(sets))
	for _, set := range sets {
		description, err := of(set)
		if err != nil {
			return nil, vmError(err)
		}
		list = append(list, description)
	}
	return list, nil
}

// writeDescriptions answers with what of returns for each VM that a request is about.
func writeDescriptions[T any](group *scripts.Group, w http.ResponseWriter, r *http.Request, of func(*scripts.Set) (T, error)) error {
	list, err := describe(group, r, of)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"vms": list})
}

// getStatus is GET /rover/status[?vm=name].
func getStatus(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	return writeDescriptions(group, w, r, func(set *scripts.Set) (scripts.Status, error) { return set.Status(r.Context()), nil })
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// replace is POST /rover/reload[?vm=name] and POST /rover/rollback[?vm=name]. The
// answer is the status of the VMs; an error says what was refused. A VM whose reload is
// refused does not hold up the others.
func replace(replace func(*scripts.Set, context.Context) error) handlerFunc {
	return func(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
		sets, err := setsOf(group, r)
		if err != nil {
			return err
		}
		var errs []error
		status, done := 0, 0
		for _, set := range sets {
			err := replace(set, r.Context())
			switch {
			case err == nil:
				done++
				continue
			case errors.Is(err, scripts.ErrNoPrevious):
				if status == 0 {
					status = http.StatusConflict
				}
				continue // those that can be rolled back are
			case errors.Is(err, scripts.ErrReplaced):
				status = max(status, http.StatusServiceUnavailable)
			default:
				status = max(status, http.StatusUnprocessableEntity)
			}
			if len(sets) > 1 {
				err = fmt.Errorf("%s: %w", set.VM().Name, err)
			}
			errs = append(errs, err)
		}
		if len(errs) == 0 && done == 0 && len(sets) > 0 {
			errs = append(errs, scripts.ErrNoPrevious)
		}
		if len(errs) > 0 {
			return caddy.APIError{HTTPStatus: status, Err: errors.Join(errs...)}
		}
		return getStatus(group, w, r)
	}
}

// Interface guards
var _ caddy.AdminRouter = API{}
