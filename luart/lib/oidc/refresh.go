package oidc

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/lib/session"
	"github.com/caddy-rover/rover/luart/oidc"
)

const (
	// refreshTimeout ends a refresh; a machine that has begun one keeps others away as long.
	refreshTimeout = 30 * time.Second

	// retryAfter is when a refresh is tried again that has failed.
	retryAfter = 10 * time.Second

	// pollEvery is how often a machine looks whether another one has refreshed a session.
	pollEvery = 100 * time.Millisecond
)

// flight is a refresh of one session: however many requests need it, one asks. Providers take a refresh
// token once, and some end a login whose token comes twice. So it goes on also when the request is gone
// that has begun it: the new token would be lost.
type flight struct {
	done chan struct{}

	// Of a flight that has come to an end:
	err error
	at  time.Time
}

// isOver reports whether the flight has come to its end.
func (f *flight) isOver() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// fresh returns the login of a session with tokens that are good; nil: there is none.
func (l *login) fresh(L *lua.LState, s *session.Session) *oidc.Login {
	login := l.stored(s)
	if login == nil {
		return nil
	}
	now, key := l.now(), s.Key()
	if key != "" && login.IsDue(now) {
		f := l.refresh(L, key, login)
		if !login.HasEnded(now) { // others go on with the old ones meanwhile
			return login
		}
		if !f.isOver() {
			l.await(L, func(ctx context.Context) {
				select {
				case <-f.done:
				case <-ctx.Done():
				}
			})
		}
		if err := s.Reload(L); err != nil {
			l.refuse(L, http.StatusServiceUnavailable, textUnavailable, "the session: "+err.Error())
		}
		if login = l.stored(s); login != nil && login.HasEnded(l.now()) && f.err != nil {
			l.refuse(L, http.StatusServiceUnavailable, textUnavailable, f.err.Error())
		}
	}
	if login == nil || login.HasEnded(l.now()) {
		return nil
	}
	return login
}

// refresh returns the refresh of a session, begun if there is none. One that has failed just now is not
// tried again.
func (l *login) refresh(L *lua.LState, key string, login *oidc.Login) *flight {
	flights, now := l.opened.state.flights, l.now()
	id := l.Name + "\x00" + key
	if f := flights[id]; f != nil && (!f.isOver() || f.err != nil && now.Sub(f.at) < retryAfter && now.Sub(f.at) >= 0) {
		return f
	}
	if len(flights) >= MaxRefreshes {
		for other, f := range flights {
			if f.isOver() {
				delete(flights, other)
			}
		}
		if len(flights) >= MaxRefreshes {
			l.refuse(L, http.StatusServiceUnavailable, textUnavailable, "too many sessions are refreshed at once")
		}
	}
	f := &flight{done: make(chan struct{})}
	flights[id] = f
	wait := l.provider.Wants(l.asker)
	l.asker.Go(func() {
		ctx, cancel := context.WithTimeout(l.asker.Context, refreshTimeout)
		defer cancel()
		if wait != nil {
			select {
			case <-wait:
			case <-ctx.Done():
			}
		}
		err := l.fly(ctx, key, login)
		if err != nil && l.asker.Context.Err() == nil && l.mayWarn(&l.warned) {
			l.opened.scope.Logger().Warn("a login cannot be refreshed: it goes on until its tokens end", l.fields(err)...)
		}
		f.err, f.at = err, l.now()
		close(f.done)
	})
	return f
}

// mayWarn says that nothing was said for a while of what fails for all while a provider is down; since
// has when something was. Any goroutine may call it.
func (l *login) mayWarn(since *atomic.Int64) bool {
	now, last := l.now().Unix(), since.Load()
	return (now-last >= int64(retryAfter/time.Second) || now < last) && since.CompareAndSwap(last, now)
}

// fly gets new tokens and writes them into the session. Machines that share the session take turns. It
// touches nothing that is the holder's.
func (l *login) fly(ctx context.Context, key string, old *oidc.Login) error {
	store, lock := l.sessions.Engine(), "login:refresh:"+l.Name+":"+key
	for {
		fence, ok, err := store.Lock(ctx, lock, 1, refreshTimeout)
		if err != nil {
			return err
		}
		data, err := l.sessions.Read(ctx, key, l.value())
		same := false
		if err == nil {
			now, wrong := l.ParseLogin(data)
			same = wrong == nil && now.Refresh == old.Refresh && now.Got == old.Got
		}
		if ok {
			if same {
				err = l.renew(ctx, key, old)
			}
			_, _, _ = store.Unlock(context.WithoutCancel(ctx), lock, fence) // it ends by itself
			return err
		}
		if err != nil || !same { // another machine has done it
			return err
		}
		timer := time.NewTimer(pollEvery)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// renew asks the provider. Where that refuses, the session has no login any more.
func (l *login) renew(ctx context.Context, key string, old *oidc.Login) error {
	doc, err := l.provider.Document()
	if err != nil {
		return err
	}
	login, err := guarded(func() (*oidc.Login, error) { return l.Refreshed(ctx, l.provider, doc, l.asker, old) })
	if errors.Is(err, oidc.ErrUnavailable) {
		return err
	}
	var data []byte
	if err == nil {
		data, err = login.Bytes()
	}
	if err != nil {
		l.opened.scope.Logger().Info("a login has ended: it was not refreshed", l.fields(err)...)
		data = nil
	}
	return l.sessions.Write(ctx, key, l.value(), data)
}

func (l *login) fields(err error) []zap.Field {
	return []zap.Field{zap.String("login", l.Name), zap.String("issuer", l.Issuer), zap.Error(err)}
}
