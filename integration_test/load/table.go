package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"time"
)

// cell is one thing that is measured for the table.
type cell struct {
	load
	server *process
	cpu    []float64 // µs of the server's CPU time for a request, of each round
}

// table is what -table prints. A nil cell is something that is not there.
type table struct {
	rounds    int
	peers     []peerRow
	collector []collectorRow
	elsewhere []pairRow
}

// peerRow is a server: hello, hello in Lua, proxy, Lua decision and proxy.
type peerRow struct {
	name  string
	cells [4]*cell
}

// collectorRow is one thing that Caddy does, with the collector as Go sets it and with the floor.
// base is the row that it is compared with, -1: none.
type collectorRow struct {
	name            string
	base            int
	asGo, withFloor *cell
}

// pairRow is one thing that reverse_proxy does, and api.proxy.
type pairRow struct {
	name       string
	base, ours *cell
}

// runTable measures everything in turn, and prints Markdown.
func runTable(ctx context.Context, clients int, duration time.Duration, rounds int, cpu bool) error {
	dir, err := os.MkdirTemp("", "rover-table")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := buildCaddy(ctx, dir); err != nil {
		return err
	}
	if _, err := raiseFiles(8*clients + otherFiles); err != nil {
		return err
	}
	var prefix []string
	if cpu {
		if prefix, err = pin(ctx); err != nil {
			log.Printf("the server shares its core with the load: %v", err)
		}
	}
	up, err := startTableUpstreams(dir)
	if err != nil {
		return err
	}
	defer up.stop()
	asGo, err := startTableCaddy(ctx, dir, "rover {\n\t\tgc_floor off\n\t}", prefix, up)
	if err != nil {
		return err
	}
	defer asGo.stop()
	floor, err := startTableCaddy(ctx, dir, "", prefix, up)
	if err != nil {
		return err
	}
	defer floor.stop()
	if floor.cpuTime() == 0 {
		return errors.New("-table compares CPU times, and this system does not tell those of a process")
	}
	t := newTable(rounds, asGo, floor)
	for i := range peers {
		r, err := peers[i].start(ctx, dir, prefix, up.plain)
		if err != nil {
			return err
		}
		if r == nil {
			log.Printf("%s is not installed: it is left out", peers[i].program)
			continue
		}
		defer r.stop()
		t.addPeer(r)
	}
	if err := measureCells(ctx, t.cells(), clients, duration, rounds); err != nil {
		return err
	}
	fmt.Print(t.markdown())
	return nil
}

// newTable is the table without measurements and without peers.
func newTable(rounds int, asGo, floor *caddy) *table {
	site := func(c *caddy, port, path, body string) *cell {
		return &cell{load: load{port: c.ports[port], path: path, body: body}, server: c.process}
	}
	t := &table{rounds: rounds}
	for _, r := range []struct {
		name, port, path, body string
		base                   int
	}{
		{"`respond`, without Lua", "RESPOND", "/", hello, -1},
		{"a Lua handler that returns a table", "ROVER", "/", hello, 0},
		{"`reverse_proxy`, without Lua", "PROXY", "/x", upstreamBody, -1},
		{"`api.proxy`", "ROVER", "/plain/x", upstreamBody, 2},
		{"a Lua decision and `api.proxy`", "ROVER", "/shop/x", upstreamBody, 2},
		{"the same with `lean off`", "CADDYS", "/shop/x", upstreamBody, 2},
	} {
		t.collector = append(t.collector, collectorRow{
			r.name, r.base,
			site(asGo, r.port, r.path, r.body), site(floor, r.port, r.path, r.body),
		})
	}
	of := func(row int) *cell { return t.collector[row].withFloor }
	t.peers = []peerRow{{"Caddy with Rover", [4]*cell{of(0), of(1), of(2), of(4)}}}

	for _, r := range []struct{ name, path, body string }{
		{"an upstream with TLS", "/tls/x", upstreamBody},
		{"an upstream with HTTP/2", "/h2/x", upstreamBody},
		{"an answer of 1 MiB", "/other/down", mebibyte},
		{fmt.Sprintf("an answer of 1 MiB, from an upstream that writes %d KiB at once", piece>>10), "/other/pieces", mebibyte},
		{"an upload of 1 MiB", "/other/up", ""},
		{fmt.Sprintf("a stream of %d events", events), "/other/events", strings.Repeat(event, events)},
		{fmt.Sprintf("an upgrade, with %d messages both ways", echoes), "/other/upgrade", ""},
	} {
		row := pairRow{r.name, site(floor, "PROXY", r.path, r.body), site(floor, "ROVER", r.path, r.body)}
		for _, c := range []*cell{row.base, row.ours} {
			switch r.path {
			case "/other/up":
				c.ask = func(c *conn) error { return c.upload(r.path) }
			case "/other/upgrade":
				c.ask, c.once = func(c *conn) error { return c.upgrade(r.path) }, true
			}
		}
		t.elsewhere = append(t.elsewhere, row)
	}
	return t
}

// addPeer puts a peer above Caddy, at its place among the peers.
func (t *table) addPeer(r *running) {
	row := peerRow{name: r.name}
	for i, port := range r.ports {
		if port == "" {
			continue
		}
		path, body := "/", hello
		if i >= 2 {
			path, body = "/shop/x", upstreamBody
		}
		row.cells[i] = &cell{load: load{port: port, path: path, body: body}, server: r.process}
	}
	t.peers = slices.Insert(t.peers, len(t.peers)-1, row)
}

// cells are all that is measured, each once.
func (t *table) cells() (list []*cell) {
	add := func(cells ...*cell) {
		for _, c := range cells {
			if c != nil && !slices.Contains(list, c) {
				list = append(list, c)
			}
		}
	}
	for _, r := range t.peers {
		add(r.cells[:]...)
	}
	for _, r := range t.collector {
		add(r.asGo, r.withFloor)
	}
	for _, r := range t.elsewhere {
		add(r.base, r.ours)
	}
	return list
}

// measureCells drives all in turn, in every other round backwards, so that none comes always after
// the same one.
func measureCells(ctx context.Context, cells []*cell, clients int, duration time.Duration, rounds int) error {
	cells = slices.Clone(cells)
	for _, c := range cells { // warm all up
		c.clients, c.duration = clients, duration/4
		if _, err := c.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", c.server.name, err)
		}
	}
	for i := range rounds {
		for _, c := range cells {
			c.duration = duration
			before := c.server.cpuTime()
			r, err := c.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", c.server.name, err)
			}
			spent := c.server.cpuTime() - before
			c.cpu = append(c.cpu, float64(spent.Nanoseconds())/1000/float64(r.requests))
		}
		slices.Reverse(cells)
		log.Printf("round %d of %d", i+1, rounds)
	}
	return nil
}
