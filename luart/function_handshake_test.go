package luart

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart/handshake"
)

// permit asks a function of rover.tls_permission: "true 1m0s", or the error.
func (s *server) permit(name, serverName string) string {
	s.t.Helper()
	a, err := s.gen.Function(PermissionFunction, name).Permit(context.Background(), serverName)
	if err != nil {
		if a.Value || a.Good {
			s.t.Errorf("an error, and allowed: %v", err)
		}
		return err.Error()
	}
	return fmt.Sprint(a.Value, a.For)
}

func TestPermissionFunction(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.tls_permission("p", function(name)
			if name == "yes" then return true end
			if name == "no" then return false end
			if name == "long" then return true, 86400 end
			if name == "never" then return false, 0 end
			if name == "waits" then rover.sleep(0.001) return true end
			if name == "number" then return 1 end
			if name == "text" then return "true" end
			if name == "minus" then return true, -1 end
			if name == "nan" then return true, 0/0 end
			if name == "much" then return true, 86401 end
			if name == "seconds" then return true, "60" end
			if name == "error" then error("broken") end
			if name == "refuses" then error { status = 403, message = "no entry" } end
		end)
		return api`)
	for name, want := range map[string]string{
		"yes": "true 1m0s", "no": "false 10s", "nil": "false 10s", "long": "true 24h0m0s", "never": "false 0s", "waits": "true 1m0s",
		"number":  "tls_permission p returned a number: a boolean or nil expected",
		"text":    "returned a string",
		"minus":   "returned -1 as the seconds to remember that for: 0 to 86400 expected",
		"nan":     "as the seconds to remember that for",
		"much":    "returned 86401 as the seconds",
		"seconds": "returned 60 as the seconds",
		"error":   "app.lua:15: broken",
		"refuses": "no entry",
	} {
		if got := s.permit("p", name); !strings.Contains(got, want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	s = newServer(t, `
		rover.tls_permission("sleeps", function() rover.sleep(3600) return true end)
		return rover.server {}`, func(s *Script) { s.Timeout = 50 * time.Millisecond })
	if got := s.permit("sleeps", "name"); !strings.Contains(got, errTimeout.Error()) {
		t.Error(got)
	}
}

// A function that is ended over and over is not asked any more, a VM without memory asks nobody,
// and what many wait for takes no more than its part of the places.
func TestPermissionFunctionBounds(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.tls_permission("p", function() while true do end end)
		rover.tls_permission("fine", function() return true end)
		rover.tls_permission("waits", function() rover.sleep(3600) return true end)
		return api`, withBurst(20*time.Millisecond), func(s *Script) { failClosed := FailClosed; s.Quarantine = &failClosed })
	for range quarantineAfter {
		s.permit("p", "a")
	}
	if got := s.permit("p", "a"); !strings.Contains(got, "is in quarantine") {
		t.Error(got)
	}
	if got := s.permit("fine", "a"); got != "true 1m0s" {
		t.Error(got)
	}
	s.vm.SetLimits(eventloop.Limits{MaxWaiting: 8})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	refused := make(chan error, 16)
	for range 16 {
		wg.Go(func() {
			_, err := s.gen.Function(PermissionFunction, "waits").Permit(ctx, "a")
			refused <- err
		})
	}
	for range 16 - 5 { // half of the places, and one
		if err := <-refused; !errors.Is(err, eventloop.ErrTooManyWaiting) {
			t.Error(err)
		}
	}
	cancel()
	wg.Wait()
	s.vm.Close(context.Background())
	if got := s.permit("fine", "a"); !strings.Contains(got, eventloop.ErrClosed.Error()) {
		t.Error(got)
	}
}

func TestCertificateFunction(t *testing.T) {
	s := newServer(t, `
		local api = rover.server {}
		rover.tls_certificate("c", function(name)
			if name == "yes" then return { certificate = "c", key = "k", ttl = 7 } end
			if name == "unsaid" then return { certificate = "c", key = "k" } end
			if name == "others" then return false end
			if name == "true" then return true end
			if name == "half" then return { certificate = "c" } end
			if name == "number" then return { certificate = "c", key = 1 } end
			if name == "field" then return { certificate = "c", key = "k", names = {} } end
			if name == "list" then return { "c", "k" } end
			if name == "ttl" then return { certificate = "c", key = "k", ttl = -1 } end
			if name == "long" then return { certificate = ("c"):rep(64 * 1024 + 1), key = "k" } end
		end)
		return api`)
	for name, want := range map[string]string{
		"yes": "c k true 7s false", "unsaid": "c k true 5m0s false", "nil": "nil false 10s false", "others": "nil false 10s true",
		"true":   "returned a boolean: a table with certificate and key expected, nil for none",
		"half":   "returned a table without the texts certificate and key",
		"number": "returned a table without the texts certificate and key",
		"field":  "with the unknown field names",
		"list":   "returned a table without the texts",
		"ttl":    "returned -1 as the seconds",
		"long":   "of more than 64 KiB",
	} {
		a, others, err := s.gen.Function(CertificateFunction, "c").Certify(context.Background(), name)
		got := fmt.Sprint(a.Good, " ", a.For, " ", others)
		if a.Value != nil {
			got = a.Value.Certificate + " " + a.Value.Key + " " + got
		} else {
			got = "nil " + got
		}
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if logged := s.logged("script error"); len(logged) != 7 || logged[0].ContextMap()["handler"] != "tls_certificate c" {
		t.Errorf("logged %v", logged)
	}
	if handshake.MaxPEM != 64<<10 {
		t.Error("the message says another limit")
	}
}
