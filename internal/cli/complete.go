package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/luart"
)

// completeWithin is how long somebody who presses Tab waits for a Caddy that does not answer.
const completeWithin = time.Second

// completeVM offers the VMs of the Caddy that the flags name; none if it does not answer.
func completeVM(cmd *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return complete(cmd, begun, "/rover/status", func(vm completed) []cobra.Completion {
		return []cobra.Completion{cobra.CompletionWithDesc(vm.VM, fmt.Sprintf("version %d", vm.Version))}
	})
}

// completeCall offers the ids of what is in flight.
func completeCall(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return complete(cmd, begun, "/rover/inflight", func(vm completed) (list []cobra.Completion) {
		for _, c := range vm.Calls {
			list = append(list, cobra.CompletionWithDesc(fmt.Sprint(c.ID), oneLine(strings.TrimSpace(c.Name+" "+c.Path))))
		}
		return list
	})
}

// completed is what completions need of the admin API's answers.
type completed struct {
	VM      string       `json:"vm"`
	Version int          `json:"version"`
	Calls   []luart.Call `json:"calls"`
}

// complete offers what of returns for each VM, as far as it goes on what has been begun. Whatever
// goes wrong, it says nothing: that would stand in the middle of somebody's command line.
func complete(cmd *cobra.Command, begun, path string, of func(completed) []cobra.Completion) ([]cobra.Completion, cobra.ShellCompDirective) {
	answers := make(chan []completed, 1)
	fl := caddycmd.Flags{FlagSet: cmd.Flags()}
	go func() {
		var answer struct {
			VMs []completed `json:"vms"`
		}
		if body, err := askAdmin(fl, http.MethodGet, path, nil, nil); err == nil {
			_ = json.Unmarshal(body, &answer) // no completions, then
		}
		answers <- answer.VMs
	}()
	var list []cobra.Completion
	select {
	case vms := <-answers:
		for _, vm := range vms {
			for _, c := range of(vm) {
				if strings.HasPrefix(c, begun) {
					list = append(list, c)
				}
			}
		}
	case <-time.After(completeWithin):
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
