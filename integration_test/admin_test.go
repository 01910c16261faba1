package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/google/pprof/driver"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdAdminUntil asks the admin API until the answer matches a pattern, and prints it:
// adminuntil REGEXP METHOD /path.
func cmdAdminUntil(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	var out string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		out, err = clientOf(ts).admin(args[1], args[2], "", "")
		if err == nil && re.MatchString(out) {
			fmt.Fprint(ts.Stdout(), out)
			return
		}
	}
	ts.Fatalf("never matched; last answer: %s %v", out, err)
}

// cmdAdminKill ends the call in flight that a pattern matches, the JSON of it in one line:
// adminkill REGEXP [VM].
func cmdAdminKill(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	query := ""
	if len(args) > 1 {
		query = "&vm=" + args[1]
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		out, err := clientOf(ts).admin("GET", "/rover/inflight?"+strings.TrimPrefix(query, "&"), "", "")
		ts.Check(err)
		var list struct {
			VMs []struct{ Calls []json.RawMessage }
		}
		ts.Check(json.Unmarshal([]byte(out), &list))
		for _, vm := range list.VMs {
			for _, call := range vm.Calls {
				var c struct{ ID uint64 }
				ts.Check(json.Unmarshal(call, &c))
				line := strings.Join(strings.Fields(string(call)), " ")
				if !re.MatchString(line) {
					continue
				}
				out, err := clientOf(ts).admin("POST", fmt.Sprintf("/rover/kill?id=%d%s", c.ID, query), "", "")
				ts.Check(err)
				fmt.Fprint(ts.Stdout(), out)
				return
			}
		}
	}
	ts.Fatalf("nothing in flight matched")
}

// cmdAdminSave asks the admin API and keeps the answer: adminsave FILE METHOD /path.
func cmdAdminSave(ts *testscript.TestScript, _ bool, args []string) {
	out, err := clientOf(ts).admin(args[1], args[2], "", "")
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out), 0o600))
}

// pprofMain is go tool pprof.
func pprofMain() {
	if err := driver.PProf(&driver.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
