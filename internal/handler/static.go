package handler

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/brotli" // for files that are compressed already
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/gzip"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/zstd"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"

	"github.com/caddy-rover/rover/luart/static"
)

// fileServers are Caddy's file_server for the mounts of a script (api.assets.static{…}), without and
// with files that are compressed already. Which folder a request is about, a variable of it says.
type fileServers struct {
	systems              caddy.FileSystems
	plain, precompressed *fileserver.FileServer
}

// folderVar is the variable of a request that says which file system file_server is to use.
const folderVar = "rover.files"

// newFileServers makes them as Caddy makes a file_server of a config. Every name in it is taken for a
// file: that there are no folders, no index and no redirect is decided before.
func newFileServers(ctx caddy.Context) (*fileServers, error) {
	s := &fileServers{systems: ctx.FileSystems()}
	for _, server := range []**fileserver.FileServer{&s.plain, &s.precompressed} {
		canonical := false
		*server = &fileserver.FileServer{
			FileSystem: "{http.vars." + folderVar + "}", Root: "/", IndexNames: []string{}, CanonicalURIs: &canonical,
		}
		if server == &s.precompressed {
			(*server).PrecompressedRaw = caddy.ModuleMap{
				"br": json.RawMessage("{}"), "zstd": json.RawMessage("{}"), "gzip": json.RawMessage("{}"),
			}
			(*server).PrecompressedOrder = []string{"br", "zstd", "gzip"}
		}
		if err := (*server).Provision(ctx); err != nil {
			return nil, fmt.Errorf("a file server: %w", err)
		}
	}
	return s, nil
}

// CheckMount is luart.Script.CheckMount. Any goroutine may call it.
func CheckMount(m *static.Mount) error {
	if rel, err := filepath.Rel(m.Public.Path(), caddy.AppDataDir()); err == nil && filepath.IsLocal(rel) {
		return fmt.Errorf("'%s' has Caddy's own data in it, with keys of certificates", m.Dir)
	}
	return nil
}

// nextHandler returns the handler that a request is passed on to: what Exchange.Next says.
func (h *Handler) nextHandler(next any) caddyhttp.Handler {
	if f, ok := next.(static.File); ok {
		return fileHandler{h, f}
	}
	return next.(caddyhttp.Handler)
}

// fileHandler answers a request with a file of a mount.
type fileHandler struct {
	h *Handler
	static.File
}

// maxRanges is how many parts of a file one request gets: each costs more than its bytes. With more
// the whole file is sent, which is what a server may do that knows no ranges.
const maxRanges = 16

// ServeHTTP implements caddyhttp.Handler.
func (f fileHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	name, err := f.find(w, r)
	if err != nil || name == "" {
		return f.failed(w, r, err)
	}
	// What is the same has the same name, so that no loading of the script leaves one more behind.
	folder := fmt.Sprintf("rover %q %q", f.Public.Path(), f.Hide)
	if _, ok := f.h.files.systems.Get(folder); !ok {
		f.h.files.systems.Register(folder, f.Public)
	}
	caddyhttp.SetVar(r.Context(), folderVar, folder)
	server := f.h.files.plain
	if f.Precompressed {
		server = f.h.files.precompressed
	}
	inner := *r
	inner.URL = &url.URL{Path: "/" + name, RawQuery: r.URL.RawQuery}
	if strings.Count(strings.Join(r.Header["Range"], ","), ",") >= maxRanges {
		inner.Header = r.Header.Clone()
		inner.Header.Del("Range")
	}
	set := map[string]string{
		"Cache-Control": f.CacheControl(name), "Content-Type": static.ContentType(name), "X-Content-Type-Options": "nosniff",
	}
	header := w.Header()
	for field, value := range set {
		if value == "" || header.Get(field) != "" { // a hook has said something else
			delete(set, field)
			continue
		}
		header.Set(field, value)
	}
	err = server.ServeHTTP(w, &inner, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil }))
	if err != nil { // nothing has been sent
		for field := range set {
			header.Del(field)
		}
		header.Del("Content-Encoding")
		header.Del("Content-Length")
		header.Del("Etag")
	}
	return f.failed(w, r, err)
}

// find returns the name of the file to be sent. "" without an error: the client has been sent
// elsewhere.
func (f fileHandler) find(w http.ResponseWriter, r *http.Request) (string, error) {
	if !f.Clear {
		return "", fs.ErrNotExist
	}
	name, isFolder := strings.CutSuffix(f.Name, "/")
	isFolder = isFolder || name == "" && f.Slash
	info, err := f.Public.Stat(name)
	switch {
	case err == nil && !info.IsDir() && !isFolder:
		return name, nil
	case err == nil && info.IsDir() && f.Index != "":
		index := f.IndexOf(name)
		found, err := f.Public.Stat(index)
		if err == nil && !found.IsDir() {
			if !isFolder && redirect(w, r) {
				return "", nil
			}
			return index, nil
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	if f.FallsBack(name) {
		return f.IndexOf(""), nil
	}
	return "", fs.ErrNotExist
}

// redirect sends the client to the same path with a slash: what the page of a folder refers to is in
// it. It reports false where the path is not the one that the client has asked for. Where the client
// sees another path before it, the address, which is relative, is right, too.
func redirect(w http.ResponseWriter, r *http.Request) bool {
	asked := r.URL
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		asked = original.URL
	}
	last := path.Base(asked.EscapedPath())
	if last != path.Base(r.URL.EscapedPath()) || strings.HasSuffix(asked.Path, "/") || last == "." || last == "/" {
		return false
	}
	to := "./" + last + "/"
	if asked.RawQuery != "" {
		to += "?" + asked.RawQuery
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusPermanentRedirect)
	return true
}

// failed answers for an error of a file, nil for none.
func (f fileHandler) failed(w http.ResponseWriter, r *http.Request, err error) error {
	var herr caddyhttp.HandlerError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &herr) && herr.StatusCode != http.StatusForbidden && herr.StatusCode != http.StatusBadRequest:
		return f.h.refuse(w, r, "", &fileError{herr.StatusCode, err})
	case errors.Is(err, fs.ErrNotExist) || errors.As(err, &herr):
		return f.h.refuse(w, r, "", &fileError{http.StatusNotFound, fs.ErrNotExist})
	}
	return f.h.refuse(w, r, "", &fileError{http.StatusServiceUnavailable, err})
}

// fileError says that a file cannot be sent.
type fileError struct {
	status int
	err    error
}

func (e *fileError) Error() string { return "a file: " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// Answer implements luart.Refusal.
func (e *fileError) Answer() (status int, header http.Header, body []byte) {
	message := "Not found"
	if e.status != http.StatusNotFound {
		message = http.StatusText(e.status)
	}
	body, _ = json.Marshal(map[string]string{"error": message}) // it is a text
	return e.status, nil, body
}

// Interface guards
var (
	_ caddyhttp.Handler = fileHandler{}
)
