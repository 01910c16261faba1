package admin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// A second profile of a VM is refused with 409 while one is made, which ends when its client
// leaves.
func TestAdminProfileOneAtATime(t *testing.T) {
	group := start(t, "profiled").group
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	ask := func(ctx context.Context, seconds string) error {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/rover/profile?seconds="+seconds, nil)
		return getProfile(group, httptest.NewRecorder(), r)
	}
	statusOf := func(err error) int {
		var api caddy.APIError
		if errors.As(err, &api) {
			return api.HTTPStatus
		}
		return http.StatusOK
	}
	go func() { ended <- ask(ctx, "300") }()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for { // a client that has left already does not wait for its own
		err := ask(gone, "300")
		if statusOf(err) == http.StatusConflict {
			break
		}
		select {
		case err := <-ended: // that one was refused, because of this
			if statusOf(err) != http.StatusConflict {
				t.Fatal(err)
			}
			go func() { ended <- ask(ctx, "300") }()
		default:
		}
	}
	leave()
	if err := <-ended; statusOf(err) != http.StatusServiceUnavailable {
		t.Errorf("after the client has left: %v", err)
	}
}
