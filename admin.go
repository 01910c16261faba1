package rover

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
)

func init() {
	caddy.RegisterModule(adminAPI{})
}

// adminAPI are the endpoints below /rover/ of Caddy's admin API. They are about the config
// that runs, whatever config was running when the endpoints were made.
type adminAPI struct{}

// adminRoute is an endpoint. Its handler gets the scripts of the config that runs.
type adminRoute struct {
	method, path string
	handle       func(app *App, w http.ResponseWriter, r *http.Request) error
}

// adminRoutes are the endpoints.
var adminRoutes = []adminRoute{
	{http.MethodGet, "/rover/status", adminStatus},
	{http.MethodGet, "/rover/routes", adminListRoutes},
	{http.MethodPost, "/rover/reload", adminReplace((*program).reload)},
	{http.MethodPost, "/rover/rollback", adminReplace((*program).rollback)},
	{http.MethodGet, "/rover/inflight", adminInFlight},
	{http.MethodPost, "/rover/kill", adminKill},
	{http.MethodGet, "/rover/live", adminLive},
	{http.MethodGet, "/rover/ui", adminUI},
	{http.MethodGet, "/rover/profile", adminProfile},
	{http.MethodGet, "/rover/vms", adminVMs},
	{http.MethodGet, "/rover/errors", adminErrors},
	{http.MethodGet, "/rover/state", adminState},
	{http.MethodPost, "/rover/eval", adminEval},
}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.rover",
		New: func() caddy.Module { return new(adminAPI) },
	}
}

// Routes returns the endpoints, one for each path, and one that answers for all others.
func (adminAPI) Routes() []caddy.AdminRoute {
	methods := map[string]map[string]adminRoute{"/rover/": {}}
	for _, route := range adminRoutes {
		if methods[route.path] == nil {
			methods[route.path] = map[string]adminRoute{}
		}
		methods[route.path][route.method] = route
	}
	var list []caddy.AdminRoute
	for path, byMethod := range methods {
		list = append(list, caddy.AdminRoute{Pattern: path, Handler: adminHandler(byMethod)})
	}
	return list
}

// adminHandler answers for one path, whose routes have these methods.
func adminHandler(byMethod map[string]adminRoute) caddy.AdminHandlerFunc {
	allow := strings.Join(slices.Sorted(maps.Keys(byMethod)), ", ")
	return func(w http.ResponseWriter, r *http.Request) error {
		route, ok := byMethod[r.Method]
		switch {
		case len(byMethod) == 0:
			var paths []string
			for _, route := range adminRoutes {
				paths = append(paths, route.method+" "+route.path)
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
		app := liveApps.newest()
		if app == nil {
			return caddy.APIError{
				HTTPStatus: http.StatusNotFound,
				Err:        errors.New("the configuration has no rover directive"),
			}
		}
		return route.handle(app, w, r)
	}
}

// programsOf returns the programs that a request is about: that of the VM which vm names
// in the query, a name or the path of a script, or all.
func (a *App) programsOf(r *http.Request) ([]*program, error) {
	name := r.URL.Query().Get("vm")
	if name == "" {
		return a.programs, nil
	}
	var names []string
	for _, p := range a.programs {
		if p.vm.name == name || slices.ContainsFunc(p.handlers, func(h *Handler) bool { return h.path == name }) {
			return []*program{p}, nil
		}
		names = append(names, p.vm.name)
	}
	return nil, caddy.APIError{
		HTTPStatus: http.StatusNotFound,
		Err:        fmt.Errorf("there is no VM %q; there are: %s", name, strings.Join(names, ", ")),
	}
}

// adminStatus is GET /rover/status[?vm=name].
func adminStatus(a *App, w http.ResponseWriter, r *http.Request) error {
	programs, err := a.programsOf(r)
	if err != nil {
		return err
	}
	return writeStatus(w, programs)
}

func writeStatus(w http.ResponseWriter, programs []*program) error {
	list := make([]status, 0, len(programs))
	for _, p := range programs {
		list = append(list, p.status())
	}
	return writeJSON(w, map[string]any{"vms": list})
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// adminReplace is POST /rover/reload[?vm=name] and POST /rover/rollback[?vm=name]. The
// answer is the status of the VMs; an error says what was refused. A VM whose reload is
// refused does not hold up the others.
func adminReplace(replace func(*program, context.Context) error) func(*App, http.ResponseWriter, *http.Request) error {
	return func(a *App, w http.ResponseWriter, r *http.Request) error {
		programs, err := a.programsOf(r)
		if err != nil {
			return err
		}
		var errs []error
		status, done := 0, 0
		for _, p := range programs {
			err := replace(p, r.Context())
			switch {
			case err == nil:
				done++
				continue
			case errors.Is(err, errNoPrevious):
				if status == 0 {
					status = http.StatusConflict
				}
				continue // those that can be rolled back are
			case errors.Is(err, errReplaced):
				status = max(status, http.StatusServiceUnavailable)
			default:
				status = max(status, http.StatusUnprocessableEntity)
			}
			if len(programs) > 1 {
				err = fmt.Errorf("%s: %w", p.vm.name, err)
			}
			errs = append(errs, err)
		}
		if len(errs) == 0 && done == 0 && len(programs) > 0 {
			errs = append(errs, errNoPrevious)
		}
		if len(errs) > 0 {
			return caddy.APIError{HTTPStatus: status, Err: errors.Join(errs...)}
		}
		return writeStatus(w, programs)
	}
}

// Interface guards
var _ caddy.AdminRouter = adminAPI{}
