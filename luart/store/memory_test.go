package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/caddy-rover/rover/luart/clock"
	"github.com/caddy-rover/rover/luart/store"
)

// A store that is full refuses new values and keeps the old ones; what has expired makes room.
func TestMemoryIsBounded(t *testing.T) {
	c := clock.New(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), nil)
	m := store.NewMemory(c, store.Limits{Items: 10, Bytes: 10_000})
	set := func(key string, bytes int, ttl time.Duration) error {
		_, _, err := m.Set(t.Context(), key, make([]byte, bytes), ttl, store.Always)
		return err
	}
	for i := range 10 {
		if err := set(fmt.Sprint(i), 10, time.Duration(i+1)*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if err := set("10", 10, store.Forever); !errors.Is(err, store.ErrFull) {
		t.Errorf("an item too many: %v", err)
	}
	if err := set("9", 9_000, store.Keep); !errors.Is(err, store.ErrFull) {
		t.Errorf("bytes too many: %v", err)
	}
	if item, _, _ := m.Get(t.Context(), "9"); len(item.Value) != 10 {
		t.Errorf("%d bytes are left", len(item.Value))
	}
	if _, _, err := m.Lock(t.Context(), "l", 1, time.Second); !errors.Is(err, store.ErrFull) {
		t.Errorf("a lock too many: %v", err)
	}
	c.Advance(time.Minute, nil)
	if err := set("10", 10, store.Forever); err != nil {
		t.Error(err)
	}
	if st := m.Status(); st.Items != 10 || st.Bytes <= 0 || st.Bytes > 10_000 {
		t.Errorf("%+v", st)
	}
	m.Close()
	if st := m.Status(); st.Items != 0 || st.Bytes != 0 {
		t.Errorf("%+v", st)
	}
}
