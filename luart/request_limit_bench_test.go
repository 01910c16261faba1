package luart

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/store/storetest"
)

// BenchmarkLeasedRequest is a whole request over a connection, without a limit and with one that is
// counted on a server: in turn, so that both see the same machine. added-p99-ns is what the limit
// adds to the slowest one in a hundred.
func BenchmarkLeasedRequest(b *testing.B) {
	engine := startStore(b, storetest.StartRedis(b), 10*time.Second)
	s := newServer(b, `
		local api = rover.server {}
		api.limited.limit { rate = 1e6, burst = 1e6 }
		function api.limited.get() return "served" end
		function api.free.get() return "served" end
		return api`, func(s *Script) { s.Store = engine })
	web := httptest.NewServer(s)
	b.Cleanup(web.Close)
	var took [2][]time.Duration
	get := func(side int) {
		began := time.Now()
		resp, err := web.Client().Get(web.URL + [2]string{"/free", "/limited"}[side])
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		took[side] = append(took[side], time.Since(began))
		if resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status)
		}
	}
	for n := 0; b.Loop(); n++ {
		get(n & 1)
		get(n&1 ^ 1)
	}
	var at [2][2]time.Duration
	for side, all := range took {
		slices.Sort(all)
		at[side] = [2]time.Duration{all[len(all)/2], all[len(all)*99/100]}
	}
	b.ReportMetric(float64(at[0][1]), "p99-ns")
	b.ReportMetric(float64(at[1][0]-at[0][0]), "added-p50-ns")
	b.ReportMetric(float64(at[1][1]-at[0][1]), "added-p99-ns")
}
