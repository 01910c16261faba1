package luart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-rover/rover/luart/coverage"
	"github.com/caddy-rover/rover/luart/geo/geotest"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/policy"
	"github.com/caddy-rover/rover/luart/scripterror"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

// runBlocks runs the Lua blocks of a page: each loads, answers its requests, and is replaced by itself.
// All its functions have been called then, so that none of them only looks right. upstream is the
// service that they call.
func runBlocks(t *testing.T, page, upstream string) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```lua\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	beside := map[string]string{} // files that the scripts of the page load
	for _, b := range blocks {
		first, _, _ := strings.Cut(b[1], "\n")
		if name := strings.TrimPrefix(first, "-- "); name != first && strings.HasSuffix(name, ".lua") && name != "app.lua" {
			beside[name] = b[1]
		}
	}
	for _, b := range blocks {
		first, _, _ := strings.Cut(b[1], "\n")
		if beside[strings.TrimPrefix(first, "-- ")] != "" {
			continue // TestDocsTesting and TestDocsCookbook run those of tests
		}
		if strings.HasPrefix(b[1], "-- with rover.slug\n") {
			continue // TestDocsLibrary runs it
		}
		runBlock(t, b[1], upstream, beside)
		if t.Failed() {
			t.FailNow()
		}
	}
}

func runBlock(t *testing.T, block, upstream string, beside map[string]string) {
	var ran coverage.Report
	s := newServer(t, "local api = rover.server {} return api")
	s.vm.Close(context.Background())
	s.vm = newVM(t, VMOptions{Coverage: &ran})
	s.proxied = firstIsDown
	load := func(version int) {
		err := s.load(block, func(s *Script) {
			s.Version = version
			s.Config = map[string]string{"token": "s3cret", "key": strings.Repeat("k", 32), "upstream": upstream}
			if strings.Contains(block, "rover.config.redis") {
				s.Config["redis"] = "redis://" + storetest.StartRedis(t).TCP()
			}
			s.Net = outbound.NewPolicy()
			s.Files = dataFolder(t, s.Path)
			for name, content := range beside {
				if err := os.WriteFile(filepath.Join(filepath.Dir(s.Path), name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s.Geo = geotest.Source()
			s.Debug = strings.HasPrefix(block, "-- with debug\n")
		})
		if err != nil {
			t.Fatal(err, scripterror.Details(err))
		}
	}
	load(1)
	s.gen.Ready(context.Background())
	if s.replay(block, 1) == 0 {
		t.Errorf("a block says no request and answer:\n%s", block)
	}
	for _, name := range s.gen.Functions(MatcherFunction) {
		if _, err := s.match(name, "/"); err != nil {
			t.Error(err)
		}
	}
	for _, name := range s.gen.Functions(PolicyFunction) {
		if _, err := s.choose(name, "/", policy.Upstream{Dial: "10.0.0.1:80"}, policy.Upstream{Dial: "10.0.0.2:80"}); err != nil {
			t.Error(err)
		}
	}
	for _, name := range s.gen.Functions(PermissionFunction) {
		if _, err := s.gen.Function(PermissionFunction, name).Permit(context.Background(), "shop.example"); err != nil {
			t.Error(err)
		}
	}
	for _, name := range s.gen.Functions(CertificateFunction) {
		if _, _, err := s.gen.Function(CertificateFunction, name).Certify(context.Background(), "shop.example"); err != nil {
			t.Error(err)
		}
	}
	old := s.gen
	load(2)
	if err := s.gen.Migrate(context.Background(), 1); err != nil {
		t.Error(err)
	}
	old.Stop(context.Background())
	s.gen.Retire()
	s.vm.Close(context.Background())
	if strings.HasPrefix(block, "-- app.lua\n") {
		return // its tests call them: see TestDocsCookbook and TestDocsTesting
	}
	calls := map[coverage.Function]uint64{}
	for _, f := range ran.Files() { // one of each load
		for at, n := range f.Functions {
			calls[at] += n
		}
	}
	for at, n := range calls {
		if n == 0 {
			t.Errorf("%s, line %d: no request of the block calls it:\n%s", at.Name, at.Line, block)
		}
	}
}

// isDown reports whether an upstream takes no connections in the world of docs.
func isDown(address string) bool {
	return address == "10.0.0.1:80" || strings.HasPrefix(address, "10.255.")
}

// firstIsDown proxies in that world.
func firstIsDown(to *ProxyTo, w http.ResponseWriter, r *http.Request) error {
	upstreams := slices.Clone(to.Upstreams)
	for attempt, last := 1, (*TryError)(nil); to.Pick != nil; attempt++ {
		address, err := to.Pick(r.Context(), attempt, last)
		if err != nil {
			return err
		}
		if address == "" {
			return errors.New("no upstream is up")
		}
		if upstreams = append(upstreams, address); !isDown(address) {
			break
		}
		last = &TryError{Upstream: address, Message: "connection refused"}
	}
	if len(upstreams) == 1 && isDown(upstreams[0]) {
		return errors.New("connection refused")
	}
	_, err := fmt.Fprintf(w, "proxy to %v", upstreams)
	return err
}
