package scripts

import (
	"context"
	"errors"
	"time"

	"github.com/caddy-rover/rover/internal/watch"
)

// absence is how long a file may be missing before that counts as a change: editors
// and deployments remove a file before they put the new one there.
const absence = time.Second

// watched says whether the set is to be reloaded when its files change, and how often
// they are to be looked at; 0: the system tells.
func (s *Set) watched() (watch bool, interval time.Duration) {
	for _, script := range s.scripts {
		watch = watch || script.Watch
		if d := script.WatchInterval; d > 0 && (interval == 0 || d < interval) {
			interval = d
		}
	}
	return watch, interval
}

// watch reloads the set when its files change, until ctx ends.
func (s *Set) watch(ctx context.Context, interval time.Duration) {
	w := watch.New(s.group.Logger, interval)
	defer w.Close()
	var missing time.Time // since when a file that was there is not; zero: none is missing
	for {
		interval := w.Follow(s.files.list())
		gone, changed := s.files.changed(ctx, s.look, !missing.IsZero() && time.Since(missing) >= absence)
		switch {
		case changed:
			missing = time.Time{}
			err := s.Reload(ctx) // it has been logged; the next change may mend it
			if ctx.Err() != nil {
				return
			}
			if errors.Is(err, ErrReplaced) {
				// Another config has taken over. Should it be refused, this one goes on.
				s.files.forgetLooked()
				if !w.Wait(ctx, watch.Retry, nil) {
					return
				}
			}
			continue // it may have opened other files
		case !gone:
			missing = time.Time{}
		case missing.IsZero():
			missing = time.Now()
		}
		if gone && (interval == 0 || interval > watch.Settle) {
			interval = watch.Settle
		}
		if !w.Wait(ctx, interval, s.files.more) {
			return
		}
	}
}
