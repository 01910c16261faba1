package session

import (
	"context"
	"net/http"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/cookie"
	"github.com/caddy-rover/rover/luart/lib"
	libstore "github.com/caddy-rover/rover/luart/lib/store"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/session"
	engine "github.com/caddy-rover/rover/luart/store"
)

// What session:state() says, but for "expired".
const (
	stateActive      = "active"
	stateDestroyed   = "destroyed"
	stateInvalidated = "invalidated"
	stateUnsaved     = "unsaved" // on_failure = "open", and the store was down
)

const (
	maxKey = 128
)

// visit is a session in the hands of a script: of one request, or of none. It is the holder's.
//
// Several requests may have the same session at once, on several machines. Each writes what it has
// set and removed, and no other values: a write names the version that it began with, and where
// that is not the one in the store any more, the values that it changes are changed there. One that
// is not there any more, because it was destroyed or got another id, is not written.
type visit struct {
	st  *store
	req lib.Request // nil: it belongs to no request

	id      string // "": it gets one when it is needed
	record  session.Record
	version int64           // in the store; 0: it is not there
	changed map[string]bool // names of values that are to be written
	wanted  bool            // it is to be there, with or without values
	renewed bool            // sealed: the cookie is to be sent whatever has changed
	known   bool            // sealed: the client has it
	state   string
	claimed string // the id of the client, where nobody knows whether there is such a session
	closed  bool   // the head of the response was sent, or is about to be
}

// fresh returns a session that nobody knows yet.
func (st *store) fresh(req lib.Request) *visit {
	return &visit{st: st, req: req, record: session.New(st.now()), state: stateActive}
}

// reset makes the session one that nobody knows yet.
func (s *visit) reset(state string) {
	s.id, s.record, s.version, s.changed, s.wanted, s.renewed = "", session.New(s.st.now()), 0, nil, false, false
	s.known, s.claimed, s.state = false, "", state
}

// read reads the session that a cookie is of. Without one it stays as it is.
func (s *visit) read(L *lua.LState, value string) error {
	if s.st.sealer == nil {
		s.claimed = value
		_, err := s.load(L, value)
		if err == nil {
			s.claimed = ""
		}
		return err
	}
	id, record, old, err := s.st.sealer.Open(value)
	if err == nil && !s.st.isOver(record, s.st.now()) {
		s.id, s.record, s.renewed, s.known = id, record, old, true
	}
	return nil
}

// load reads the session of an id from the store. found is false where there is none.
func (s *visit) load(L *lua.LState, id string) (found bool, err error) {
	s.st.checkStored(L)
	if !session.IsID(id) {
		return false, nil
	}
	st, key := s.st, s.st.key(id)
	var item engine.Item
	err = st.call(L, "start", func(ctx context.Context) (err error) {
		item, found, err = st.engine.Get(ctx, key)
		return err
	})
	if err != nil || !found {
		return false, err
	}
	record, ok := st.parse(item.Value, st.now())
	if !ok {
		return false, nil
	}
	s.id, s.record, s.version = id, record, item.Version
	return true, nil
}

// parse reads a record of the store; ok is false for one that is over, or was moved.
func (st *store) parse(data []byte, now time.Time) (r session.Record, ok bool) {
	r, err := session.Parse(data)
	return r, err == nil && !st.isOver(r, now)
}

// ensureID gives the session an id.
func (s *visit) ensureID() string {
	if s.id == "" {
		s.id = session.NewID(s.st.random)
	}
	return s.id
}

// beforeHead is what lib.Request.BeforeHead calls: the session is saved. What a function has set that
// has failed then is not.
func (s *visit) beforeHead(L *lua.LState, failed, last bool) {
	if s.closed {
		return
	}
	s.closed = last
	if failed {
		s.changed, s.wanted = nil, false
		return
	}
	if s.state == stateUnsaved {
		return
	}
	if err := s.saveIfChanged(L); err != nil {
		if !s.st.open {
			luaval.RaiseCause(L, http.StatusServiceUnavailable, "the session cannot be saved", err)
		}
		s.st.noteDown(err)
	}
}

// saveIfChanged writes what has changed, or that the session was used, and has the cookie sent that
// this needs.
func (s *visit) saveIfChanged(L *lua.LState) error {
	isNew := s.isNew()
	isDue := !isNew && s.st.isDue(s.record, s.st.now())
	mustSave := len(s.changed) > 0 || s.renewed || s.wanted && isNew
	if !mustSave && !isDue {
		return nil
	}
	if err := s.save(L, isDue); err != nil {
		if !mustSave { // nothing is lost but that it was used, which the next request says
			return nil
		}
		return err
	}
	if isNew || isDue || s.st.sealer != nil {
		s.sendCookie()
	}
	return nil
}

// isNew reports whether no client has the session yet.
func (s *visit) isNew() bool {
	if s.st.sealer != nil {
		return !s.known
	}
	return s.version == 0
}

// moved is the value of a session that has got another id, until nobody writes it any more who has
// begun before. It is no record.
var moved = []byte{0}

const movedFor = time.Minute

// regenerate gives the session another id. The old one is no session from then on.
func (s *visit) regenerate(L *lua.LState) error {
	if s.state == stateUnsaved {
		return engine.ErrDown
	}
	if s.st.sealer != nil || s.version == 0 {
		s.id, s.wanted, s.renewed = "", true, s.st.sealer != nil
		s.ensureID()
		return nil
	}
	id := session.NewID(s.st.random)
	now, key := s.st.now(), s.st.key(id)
	w := s.startWrite(now, true)
	done := false
	defer func() {
		if !done {
			s.undo(w)
		}
	}()
	err := s.st.call(L, "regenerate", func(ctx context.Context) error {
		err := w.put(ctx, now, func() []byte { return moved }, func() time.Duration { return movedFor })
		if err != nil || w.gone {
			return err
		}
		life := w.st.lifetime(w.record, now)
		if w.gone = life <= 0; w.gone {
			return nil
		}
		w.version, _, err = w.st.engine.Set(ctx, key, w.record.Append(nil), life, engine.New)
		return err
	})
	if err != nil {
		return err
	}
	done = true
	if s.adopt(w); w.gone { // nothing of it must survive under another id
		return nil
	}
	s.id = id
	s.sendCookie()
	return nil
}

// destroy ends the session for good, here and for all who have it.
func (s *visit) destroy(L *lua.LState, state string) error {
	id := s.id
	if s.state == stateUnsaved {
		id = s.claimed
	}
	if s.st.sealer == nil && session.IsID(id) && (s.version != 0 || s.state == stateUnsaved) {
		st, key := s.st, s.st.key(id)
		err := st.call(L, "destroy", func(ctx context.Context) error {
			_, err := st.engine.Delete(ctx, key)
			return err
		})
		if err != nil {
			return err
		}
	}
	if s.known || s.version != 0 || s.state == stateUnsaved {
		s.st.counts.Ended.Add(1)
	}
	s.reset(state)
	if s.req != nil {
		c := s.st.cookie
		cookie.Expire(&c)
		s.req.SetCookie(c.Name, c.String())
	}
	return nil
}

// sendCookie has the cookie of the session sent with the response.
func (s *visit) sendCookie() {
	if s.req == nil || s.id == "" {
		return
	}
	s.st.notePlain(s.req.Protocol())
	s.req.SetCookie(s.st.cookie.Name, s.cookie())
}

// cookie is the text of the session's Set-Cookie.
func (s *visit) cookie() string {
	c := s.st.cookie
	c.Value = s.ensureID()
	if s.st.sealer != nil {
		c.Value = s.st.sealer.Seal(s.id, s.record, s.st.random)
	}
	if c.MaxAge = int(s.st.lifetime(s.record, s.record.Touched) / time.Second); c.MaxAge <= 0 {
		c.MaxAge = -1
	}
	return c.String()
}

// hasToken reports whether a CSRF token is of this session.
func (s *visit) hasToken(token string) bool { return s.id != "" && session.IsToken(s.id, token) }

// value returns a value of the session, nil where there is none.
func (s *visit) value(L *lua.LState, name string) lua.LValue {
	data, ok := s.record.Values[name]
	if !ok || !s.isValid() {
		return lua.LNil
	}
	v, err := libstore.Decode(L, data)
	if err != nil {
		L.RaiseError("session: the value %q is no plain data", name)
	}
	return v
}

func (s *visit) isExpired() bool { return s.st.isOver(s.record, s.st.now()) }

func (s *visit) isValid() bool { return !s.isExpired() }
