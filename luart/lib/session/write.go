package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/session"
)

// maxTries bounds how often a session is written again that others have written meanwhile.
const maxTries = 50

var errBusy = errors.New("too many requests write the session at once")

// write is one write of a session, apart from the session: while it waits the script goes on.
type write struct {
	st      *store
	key     string
	record  session.Record
	version int64
	changed map[string]bool
	gone    bool // the session was destroyed meanwhile, or got another id
}

// startWrite begins a write of what has changed. touch says that the session counts as used: then its
// cookie is to be sent, which lasts as long as it does.
func (s *visit) startWrite(now time.Time, touch bool) *write {
	w := &write{st: s.st, key: s.st.key(s.id), record: s.record.Clone(), version: s.version, changed: s.changed}
	if touch {
		w.record.Touched = now
	}
	s.changed = nil
	return w
}

// undo says that a write has not succeeded.
func (s *visit) undo(w *write) {
	changed := map[string]bool{}
	maps.Copy(changed, w.changed)
	maps.Copy(changed, s.changed)
	s.changed = changed
}

// adopt says that a write has.
func (s *visit) adopt(w *write) {
	if w.gone {
		s.reset(stateDestroyed)
		return
	}
	s.record = w.record.Merge(s.record, s.changed) // which the script has changed meanwhile
	s.version, s.wanted, s.renewed = w.version, false, false
}

// put writes with a value, made of the record by data, where the version is still that of the write. Where
// it is not the changes are made to what is there. now is the time for all.
func (w *write) put(ctx context.Context, now time.Time, value func() []byte, ttl func() time.Duration) error {
	for range maxTries {
		life := ttl()
		if life <= 0 {
			w.gone = true
			return nil
		}
		version, ok, err := w.st.engine.CAS(ctx, w.key, w.version, value(), life)
		if err != nil {
			return err
		}
		if ok {
			w.version = version
			return nil
		}
		item, found, err := w.st.engine.Get(ctx, w.key)
		if err != nil {
			return err
		}
		other, fine := session.Record{}, false
		if found {
			other, fine = w.st.parse(item.Value, now)
		}
		if !fine {
			w.gone = true
			return nil
		}
		w.record, w.version = other.Merge(w.record, w.changed), item.Version
		if size := w.record.Size(); size > w.st.room {
			return fmt.Errorf("it is larger than %d bytes together with what others have set", w.st.room)
		}
	}
	return errBusy
}

// save writes the session. touch says that it counts as used.
func (s *visit) save(L *lua.LState, touch bool) error {
	s.ensureID()
	now, isNew := s.st.now(), s.isNew()
	if s.st.sealer != nil { // its cookie is sent
		if isNew {
			s.st.counts.Started.Add(1)
		}
		s.record.Touched, s.changed, s.wanted, s.renewed, s.known = now, nil, false, false, true
		return nil
	}
	w := s.startWrite(now, touch)
	done := false
	defer func() { // also where the call must not wait any longer, which raises
		if !done {
			s.undo(w)
		}
	}()
	err := s.st.call(L, "save", func(ctx context.Context) error {
		return w.put(ctx, now, func() []byte { return w.record.Append(nil) },
			func() time.Duration { return w.st.lifetime(w.record, now) })
	})
	if err != nil {
		return err
	}
	done = true
	if isNew && !w.gone {
		s.st.counts.Started.Add(1)
	}
	s.adopt(w)
	return nil
}
