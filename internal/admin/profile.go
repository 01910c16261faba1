package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart"
)

const (
	defaultProfile = 10 * time.Second
	maxProfile     = 300 * time.Second
)

// getProfile is GET /rover/profile[?vm=name][&seconds=n]: a profile of the VM in the format
// of pprof. It ends when the client leaves.
func getProfile(group *scripts.Group, w http.ResponseWriter, r *http.Request) error {
	set, err := setOf(group, r)
	if err != nil {
		return err
	}
	d := defaultProfile
	if text := r.URL.Query().Get("seconds"); text != "" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 1 && n <= maxProfile.Seconds()) {
			return badRequest("parameter seconds: a number between 1 and %.0f expected, got %q", maxProfile.Seconds(), text)
		}
		d = time.Duration(n * float64(time.Second))
	}
	profile, err := set.VM().Profile(r.Context(), d)
	if errors.Is(err, luart.ErrProfiling) {
		return caddy.APIError{HTTPStatus: http.StatusConflict, Err: err}
	}
	if err != nil {
		return vmError(err)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="rover-%s.pb.gz"`, time.Now().Format("20060102-150405")))
	return profile.Write(w)
}
