package caddyfile

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-rover/rover/luart/geo"
)

// parseGeo reads the names of files.
func (c *Config) parseGeo(d *caddyfile.Dispenser) error {
	file := d.File()
	files := d.RemainingArgs()
	if len(files) == 0 {
		return d.ArgErr()
	}
	if err := checkGeo(files); err != nil {
		return d.WrapErr(err)
	}
	for _, name := range files {
		c.Geo = append(c.Geo, besideFile(file, name))
	}
	return nil
}

func checkGeo(files []string) error {
	if len(files) > geo.MaxFiles {
		return fmt.Errorf("geo has %d files, and may have %d", len(files), geo.MaxFiles)
	}
	for i, name := range files {
		if name == "" {
			return errors.New("geo: the name of a file is empty")
		}
		if slices.Contains(files[:i], name) {
			return fmt.Errorf("geo '%s' given twice", name)
		}
		if err := checkPrintable("geo", name); err != nil {
			return err
		}
	}
	return nil
}
