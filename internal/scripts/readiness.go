package scripts

import (
	"github.com/caddy-rover/rover/luart/health"
)

// Readiness is whether a script may be sent requests, and why not.
type Readiness struct {
	Script string `json:"script"`
	Ready  bool   `json:"ready"`
	health.Report
}

// Readiness says whether the script may be sent requests. Any goroutine may call it once the config
// has started.
func (s *Script) Readiness() health.Report {
	report := s.Live().Readiness()
	if history, _ := s.set.vm.Reloads(); history.last != nil {
		report.Warn(health.Reason{Code: health.ReloadRefused})
	}
	return report
}

// readiness returns that of the scripts that say anything of it, in the order of the config.
func (s *Set) readiness() (list []Readiness) {
	for _, script := range s.scripts {
		live := script.Live()
		if live == nil || !live.HasReadiness() {
			continue
		}
		report := script.Readiness()
		report.Sort()
		list = append(list, Readiness{script.Path(), report.Ready(), report})
	}
	return list
}
