package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/luart"
)

// picked returns a Pick that goes through a list, "" at its end, and says what it was told.
func picked(list ...string) (pick func(context.Context, int, *luart.TryError) (string, error), told *[]string) {
	told = new([]string)
	return func(_ context.Context, attempt int, last *luart.TryError) (string, error) {
		if last != nil {
			*told = append(*told, fmt.Sprintf("%d %s", last.Status, last.Message))
		}
		if len(list) == 0 {
			return "", nil
		}
		next := list[0]
		list = list[1:]
		if next == "error" {
			return "", &luart.ScriptError{Status: 418, Message: "no"}
		}
		return next, nil
	}, told
}

func TestProxyPick(t *testing.T) {
	a, dead, slow := named(t, "a"), refused(t), mute(t)
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	defer busy.Close()
	reset, _ := net.Listen("tcp", "127.0.0.1:0")
	defer reset.Close()
	go func() {
		for {
			c, err := reset.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 10))
			_ = c.Close()
		}
	}()
	busyAddress, resetAddress := busy.Listener.Addr().String(), reset.Addr().String()
	const on = `{"load_balancing":{"try_duration":3600000000000,"try_interval":1}}`
	const retryStatus = `{"load_balancing":{"retries":5,"retry_match":[{"expression":"{http.reverse_proxy.status_code} == 503"}]}}`
	unhealthy := `{"health_checks":{"passive":{"fail_duration":3600000000000}}}`
	for _, c := range []struct {
		name, method, block string
		list                []string
		to                  luart.ProxyTo
		status              int
		told                string // parts of what pick was told, in order
	}{
		{"second", "POST", "", []string{dead, a}, luart.ProxyTo{}, 200, "refused"},
		{"after a list", "GET", "", []string{a}, luart.ProxyTo{Upstreams: []string{dead, dead}}, 200, "refused"},
		{"none", "GET", "", nil, luart.ProxyTo{}, 503, ""},
		{"ends", "GET", "", []string{dead}, luart.ProxyTo{}, 502, "refused"},
		{"ends on", "GET", on, []string{dead}, luart.ProxyTo{}, 502, "refused"},
		{"tries", "GET", on, []string{dead, dead, a}, luart.ProxyTo{Tries: 2}, 502, "refused"},
		{"tries of the block", "GET", `{"load_balancing":{"retries":1}}`, []string{dead, dead, a}, luart.ProxyTo{}, 502, "refused"},
		{"fails", "GET", "", []string{"error"}, luart.ProxyTo{}, 418, ""},
		{"fails later", "GET", on, []string{dead, "error", a}, luart.ProxyTo{}, 418, "refused"},
		{"timeout", "GET", "", []string{slow}, luart.ProxyTo{Timeout: 0.5}, 504, "response head"},
		{"sent", "POST", "", []string{resetAddress, a}, luart.ProxyTo{}, 502, ""},
		{"sent, but idempotent", "GET", "", []string{resetAddress, a}, luart.ProxyTo{}, 200, "0 "},
		{"status", "GET", retryStatus, []string{busyAddress, a}, luart.ProxyTo{}, 200, "503 status 503"},
		{"status ends", "GET", retryStatus, []string{busyAddress}, luart.ProxyTo{}, 503, "503 status 503"},
		{"unhealthy", "GET", unhealthy, []string{dead, dead, a}, luart.ProxyTo{}, 200, "refused, 0 the upstream is not available"},
		{"none for an hour", "GET", `{"load_balancing":{"try_duration":3600000000000}}`, []string{}, luart.ProxyTo{}, 503, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			pick, told := picked(c.list...)
			c.to.Pick = pick
			body := ""
			if c.method == "POST" {
				body = "payload"
			}
			status, got, _ := request(t, testProxy(t, c.block), c.method, body, c.to)
			if status != c.status || status == 200 && got != "a "+body+" <nil>" {
				t.Errorf("%d %q, want %d", status, got, c.status)
			}
			all := strings.Join(*told, ", ")
			for part := range strings.SplitSeq(c.told, ", ") {
				i := strings.Index(all, part)
				if i < 0 {
					t.Fatalf("pick was told %q, want %q", *told, c.told)
				}
				all = all[i+len(part):]
			}
			if c.told == "" && len(*told) > 0 {
				t.Errorf("pick was told %q", *told)
			}
		})
	}
}

// Without tries and without what the proxy block says, pick is asked maxTries times.
func TestProxyPickBound(t *testing.T) {
	dead := refused(t)
	for block, want := range map[string]int{
		"":                                  maxTries,
		`{"load_balancing":{"retries":40}}`: maxTries,
	} {
		asked := 0
		status, _, _ := request(t, testProxy(t, block), "GET", "", luart.ProxyTo{
			Pick: func(context.Context, int, *luart.TryError) (string, error) { asked++; return dead, nil },
		})
		if status != 502 || asked != want {
			t.Errorf("%s: %d after %d, want 502 after %d", block, status, asked, want)
		}
	}
}

// A VM that is closed is no reason to send the request anywhere.
func TestProxyPickClosed(t *testing.T) {
	closed := errors.New("closed")
	p := testProxy(t, "")
	w := httptest.NewRecorder()
	err := p.Serve(w, caddyenv.Prepare(httptest.NewRequest("GET", "http://h/", nil), w), nil, NewTarget(&luart.ProxyTo{
		Pick: func(context.Context, int, *luart.TryError) (string, error) { return "", closed },
	}))
	var herr caddyhttp.HandlerError
	if !errors.As(err, &herr) || herr.StatusCode != 503 || !errors.Is(err, closed) {
		t.Errorf("got %v", err)
	}
}
