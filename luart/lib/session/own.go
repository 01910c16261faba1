package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/session"
	engine "github.com/caddy-rover/rover/luart/store"
)

// Store is a session store in the hands of another library, which keeps values of its own beside those
// of the script. What takes an LState is the holder's.
type Store struct{ st *store }

// ownPrefix begins the names of values that are a library's: scripts can neither read nor set them.
const ownPrefix = "\x00"

// StoreOf returns a value that rover.session.new has made; ok is false for anything else.
func StoreOf(v lua.LValue) (s *Store, ok bool) {
	ud, _ := v.(*lua.LUserData)
	if ud == nil {
		return nil, false
	}
	st, ok := ud.Value.(*store)
	return &Store{st}, ok
}

// NewStore returns a store as rover.session.new makes it, with a cookie of a name and its other
// defaults. A cookie that is not secure is for tests on this machine.
func NewStore(s *lib.Scope, cookieName string, secure bool) *Store {
	counts := Stats(s.VM)
	random := s.Grants.FakeRandom
	if random == nil {
		random = rand.Reader
	}
	st := &store{
		vm: s.VM, counts: counts, engine: s.Store, random: random,
		name: cookieName, ttl: defaultTTL, maxAge: defaultMaxAge, room: session.MaxBytes, origins: http.NewCrossOriginProtection(),
		cookie: http.Cookie{Name: cookieName, Path: "/", Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode},
	}
	return &Store{st}
}

// IsSealed reports whether sessions are in their cookies, and nowhere else.
func (s *Store) IsSealed() bool { return s.st.sealer != nil }

// IsSecure reports whether browsers send the cookie over HTTPS only.
func (s *Store) IsSecure() bool { return s.st.cookie.Secure }

// CrossesSites reports whether browsers send the cookie when a page of another site leads here.
func (s *Store) CrossesSites() bool { return s.st.cookie.SameSite != http.SameSiteStrictMode }

// Engine is where the sessions are.
func (s *Store) Engine() engine.Store { return s.st.engine }

// Ask has the engine asked, as the store's own methods do: without the hold, where that takes time.
func (s *Store) Ask(L *lua.LState, what string, ask func(ctx context.Context) error) error {
	return s.st.call(L, what, ask)
}

// Start returns the session of argument n, a ctx. It raises what store:start raises.
func (s *Store) Start(L *lua.LState, n int) *Session { return &Session{s.st.start(L, n)} }

// Session is a session in the hands of another library. It is the holder's.
type Session struct{ v *visit }

// Key is what the session is kept under in the store, "" for one that is not kept.
func (s *Session) Key() string {
	if s.v.version == 0 {
		return ""
	}
	return s.v.st.key(s.v.id)
}

// Own returns a value of a library; nil where there is none.
func (s *Session) Own(name string) []byte {
	if !s.v.isValid() {
		return nil
	}
	return s.v.record.Values[ownPrefix+name]
}

// SetOwn sets one, or removes it with nil. It is saved with the session.
func (s *Session) SetOwn(name string, data []byte) error {
	name = ownPrefix + name
	old, had := s.v.record.Values[name]
	if data == nil {
		if had {
			delete(s.v.record.Values, name)
			s.v.change(name)
		}
		return nil
	}
	if s.v.record.Values[name] = data; s.v.record.Size() > s.v.st.room {
		if delete(s.v.record.Values, name); had {
			s.v.record.Values[name] = old
		}
		return fmt.Errorf("the session would be larger than %d bytes, the limit", s.v.st.room)
	}
	s.v.change(name)
	return nil
}

// Renew gives the session another id, as session:regenerate does, and saves it.
func (s *Session) Renew(L *lua.LState) error {
	if s.v.state == stateUnsaved {
		return engine.ErrDown
	}
	isNew := s.v.version == 0
	if err := s.v.regenerate(L); err != nil {
		return err
	}
	if isNew {
		if err := s.v.save(L, true); err != nil {
			return err
		}
	}
	if s.v.version == 0 {
		return errors.New("the session was ended meanwhile")
	}
	s.v.sendCookie()
	return nil
}

// Destroy ends the session for all who have it.
func (s *Session) Destroy(L *lua.LState) error { return s.v.destroy(L, stateDestroyed) }

// Reload reads what others have written of the session meanwhile. What was set here stays set.
func (s *Session) Reload(L *lua.LState) error {
	v := s.v
	if v.version == 0 {
		return nil
	}
	st, key := v.st, v.st.key(v.id)
	var item engine.Item
	found := false
	err := st.call(L, "start", func(ctx context.Context) (err error) {
		item, found, err = st.engine.Get(ctx, key)
		return err
	})
	if err != nil {
		return err
	}
	record, ok := session.Record{}, false
	if found {
		record, ok = st.parse(item.Value, st.now())
	}
	if !ok {
		v.reset(stateDestroyed)
		return nil
	}
	v.record, v.version = record.Merge(v.record, v.changed), item.Version
	return nil
}

// Read returns a value of the session of a key; nil where there is none. Any goroutine may call it.
func (s *Store) Read(ctx context.Context, key, name string) ([]byte, error) {
	item, found, err := s.st.engine.Get(ctx, key)
	if err != nil || !found {
		return nil, err
	}
	record, ok := s.st.parse(item.Value, s.st.now())
	if !ok {
		return nil, nil
	}
	return record.Values[ownPrefix+name], nil
}

// Write sets a value of the session of a key, or removes it with nil, where there is such a session
// still. It counts as no use of the session. Any goroutine may call it.
func (s *Store) Write(ctx context.Context, key, name string, data []byte) error {
	st, now := s.st, s.st.now()
	item, found, err := st.engine.Get(ctx, key)
	if err != nil || !found {
		return err
	}
	record, ok := st.parse(item.Value, now)
	if !ok {
		return nil
	}
	record = record.Clone()
	name = ownPrefix + name
	if record.Values[name] = data; data == nil {
		delete(record.Values, name)
	}
	w := &write{st: st, key: key, record: record, version: item.Version, changed: map[string]bool{name: true}}
	if size := record.Size(); size > st.room {
		return fmt.Errorf("the session would be larger than %d bytes, the limit", st.room)
	}
	return w.put(ctx, now, func() []byte { return w.record.Append(nil) }, func() time.Duration { return st.lifetime(w.record, now) })
}
