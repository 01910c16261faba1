package store_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/store"
	"github.com/caddy-rover/rover/luart/store/storetest"
)

// A user with the commands that docs/store.md says can do everything, and nothing outside of its prefix.
func TestRedisUser(t *testing.T) {
	page, err := os.ReadFile("../../docs/store.md")
	if err != nil {
		t.Fatal(err)
	}
	alone := strings.Fields(regexp.MustCompile(`(?m)^    ACL SETUSER rover .*\n(?:      .*\n)+`).FindString(string(page)))
	more := regexp.MustCompile("A cluster asks for `(.+?)`").FindStringSubmatch(string(page))
	if len(alone) < 10 || more == nil {
		t.Fatal("docs/store.md does not say which commands a user needs")
	}
	try := func(t *testing.T, url string, user []string, servers ...*storetest.Server) {
		for _, s := range servers {
			if answer := s.Ask(user...); answer != "OK" {
				t.Fatalf("%q: %s", user, answer)
			}
		}
		o := store.RedisOptions{URL: url, User: "rover", Password: "s3cret", Timeout: 20 * time.Second}
		storetest.Run(t, func(t *testing.T) store.Store {
			o.Prefix = "rover:" + t.Name() + ":"
			return newRedis(t, o)
		})
		o.Prefix = "other:"
		if _, _, err := newRedis(t, o).Get(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "NOPERM") {
			t.Errorf("a key of others: %v", err)
		}
	}
	t.Run("alone", func(t *testing.T) {
		s := storetest.StartRedis(t)
		try(t, s.URL, alone, s)
	})
	t.Run("cluster", func(t *testing.T) {
		masters, replica := storetest.StartCluster(t)
		try(t, masters[0].URL, append(alone[:len(alone):len(alone)], strings.Fields(more[1])...), append(masters, replica)...)
	})
}
