package files

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// newFolders makes a folder app with public and data in it, and outside of it a secret.
func newFolders(t *testing.T) (app string, grants Grants) {
	t.Helper()
	top := t.TempDir()
	app = filepath.Join(top, "app")
	for name, text := range map[string]string{
		"secret": "secret", "app/app.lua": "code", "app/public/a.txt": "a", "app/public/sub/b.txt": "b",
		"app/public/.env": "key", "app/public/.git/config": "git", "app/public/.well-known/x": "known",
		"app/public/a.js.map": "map", "app/public/a.js.map.gz": "zipped", "app/data/d.txt": "d",
	} {
		file := filepath.Join(top, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"out": "../../secret", "abs": filepath.Join(top, "secret"), "up": "../..", "in": "a.txt", "insub": "sub", "gone": "nothing", "round": "round",
	} {
		if err := os.Symlink(target, filepath.Join(app, "public", link)); err != nil {
			t.Fatal(err)
		}
	}
	return app, Grants{{Dir: filepath.Join(app, "public"), ReadOnly: true}, {Dir: filepath.Join(app, "data")}}
}

func find(t *testing.T, g Grants, base, path string) Place {
	t.Helper()
	p, err := g.Find(base, path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return p
}

func TestFind(t *testing.T) {
	g := Grants{{Dir: "/srv/app/data"}, {Dir: "/srv/app/data/inner", ReadOnly: true}, {Dir: "/var/x"}}
	for path, want := range map[string]string{
		"data": "/srv/app/data", "data/a": "/srv/app/data/a", "./data//a/": "/srv/app/data/a",
		"data/inner/a": "/srv/app/data/inner/a", "/var/x/y": "/var/x/y", "data/..a": "/srv/app/data/..a",
	} {
		if p := find(t, g, "/srv/app", path); p.Path() != want || p.folder.ReadOnly != strings.Contains(path, "inner") {
			t.Errorf("%s: got %+v", path, p)
		}
	}
	for _, path := range []string{
		"", ".", "app.lua", "database", "/", "/var", "/var/xy", "/etc/passwd", "data/../app.lua", "..", "data/..", "data/a\x00",
		`data\a`, `data/..\..\x`, "data/" + strings.Repeat("a", MaxPath),
	} {
		if p, err := g.Find("/srv/app", path); err == nil {
			t.Errorf("%q: got %v", path, p.Path())
		}
	}
	if _, err := Grants(nil).Find("/srv", "a"); !errors.Is(err, ErrForbidden) {
		t.Errorf("got %v", err)
	}
}

func FuzzFind(f *testing.F) {
	for _, path := range []string{"data/a", "../data", "/srv/app/data/./x", "data/../../etc", "data//..//x"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, err := Grants{{Dir: "/srv/app/data"}}.Find("/srv/app", path)
		if err == nil && p.Path() != "/srv/app/data" && !strings.HasPrefix(p.Path(), "/srv/app/data/") {
			t.Errorf("%q leads to %q", path, p.Path())
		}
	})
}

func TestRead(t *testing.T) {
	app, g := newFolders(t)
	for path, want := range map[string]string{"public/a.txt": "a", "public/in": "a", "public/insub/b.txt": "b", "public/.env": "key"} {
		if text, err := find(t, g, app, path).Read(10); err != nil || string(text) != want {
			t.Errorf("%s: got %q, %v", path, text, err)
		}
	}
	for path, want := range map[string]error{
		"public/none": fs.ErrNotExist, "public/gone": fs.ErrNotExist, "public": ErrNotFile, "public/sub": ErrNotFile, "public/insub": ErrNotFile,
		"public/out": nil, "public/abs": nil, "public/up/secret": nil, "public/round": nil, "public/a.txt/x": nil,
	} {
		if text, err := find(t, g, app, path).Read(10); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: got %q, %v", path, text, err)
		}
	}
	if err := os.WriteFile(filepath.Join(app, "data", "long"), bytes.Repeat([]byte("x"), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	long := find(t, g, app, "data/long")
	if text, err := long.Read(5000); err != nil || len(text) != 5000 {
		t.Errorf("got %d bytes, %v", len(text), err)
	}
	if _, err := long.Read(4999); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// A file of the system's says that it has no bytes, and has some.
func TestReadWithoutSize(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("there is no /proc")
	}
	p := find(t, Grants{{Dir: "/proc/self", ReadOnly: true}}, "/", "/proc/self/status")
	if text, err := p.Read(1 << 20); err != nil || !bytes.Contains(text, []byte("Pid:")) {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := p.Read(10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestWrite(t *testing.T) {
	app, g := newFolders(t)
	d := find(t, g, app, "data/d.txt")
	if err := d.Write([]byte("new")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(app, "data/d.txt"))
	if text, readErr := d.Read(10); string(text) != "new" || err != nil || readErr != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %q, %v, %v, %v", text, readErr, err, info.Mode())
	}
	if err := errors.Join(d.Append([]byte("er")), find(t, g, app, "data/made").Append([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	if text, err := d.Read(10); string(text) != "newer" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	if err := errors.Join(find(t, g, app, "data/x/y/z").Mkdir(), find(t, g, app, "data/x").Mkdir(), find(t, g, app, "data/x/y/z/f").Write(nil)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../secret", filepath.Join(app, "data", "out")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("d.txt", filepath.Join(app, "data", "in")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"data/out": ErrNotFile, "data/in": ErrNotFile, "data/x": ErrNotFile, "data": ErrNotFile, "data/none/f": fs.ErrNotExist,
		"data/out/f": nil, "public/a.txt": ErrReadOnly, "public/new": ErrReadOnly, "data/" + temporary + "x": ErrForbidden,
	} {
		if err := find(t, g, app, path).Write([]byte("evil")); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("writing %s: got %v", path, err)
		}
	}
	for _, path := range []string{"data/out", "data/in", "data/x", "public/a.txt", "data"} {
		if err := find(t, g, app, path).Append([]byte("evil")); err == nil {
			t.Errorf("appending to %s: no error", path)
		}
	}
	for _, path := range []string{"public/a.txt", "public/sub", "data", "data/x", "data/none"} {
		if err := find(t, g, app, path).Remove(); err == nil {
			t.Errorf("removing %s: no error", path)
		}
	}
	if err := errors.Join(find(t, g, app, "data/out").Remove(), find(t, g, app, "data/x/y/z/f").Remove(), find(t, g, app, "data/x/y/z").Remove()); err != nil {
		t.Error(err)
	}
	if secret, err := os.ReadFile(filepath.Join(app, "..", "secret")); string(secret) != "secret" || err != nil {
		t.Errorf("the file outside has %q, %v", secret, err)
	}
	if err := find(t, g, app, "public/new").Mkdir(); !errors.Is(err, ErrReadOnly) {
		t.Errorf("got %v", err)
	}
	long := filepath.Join(app, "data", "long")
	if err := errors.Join(os.WriteFile(long, nil, 0o600), os.Truncate(long, MaxFile)); err != nil {
		t.Fatal(err)
	}
	if err := find(t, g, app, "data/long").Append([]byte("x")); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// Who reads while others write gets the whole of one text, and nothing is left behind.
func TestWriteIsAtomic(t *testing.T) {
	app, g := newFolders(t)
	p := find(t, g, app, "data/d.txt")
	texts := [][]byte{bytes.Repeat([]byte("a"), 20_000), bytes.Repeat([]byte("b"), 30_000)}
	if err := p.Write(texts[0]); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for _, text := range texts {
		writers.Go(func() {
			for range 20 {
				if err := p.Write(text); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 100 {
		got, err := p.Read(1 << 20)
		if err != nil || !bytes.Equal(got, texts[0]) && !bytes.Equal(got, texts[1]) {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
	}
	writers.Wait()
	entries, err := os.ReadDir(filepath.Join(app, "data"))
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v", entries, err)
	}
}

func TestListAndStat(t *testing.T) {
	app, g := newFolders(t)
	list, err := find(t, g, app, "public").List()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range list {
		got = append(got, i.Name+":"+i.Type)
	}
	want := ".env:file .git:directory .well-known:directory a.js.map:file a.js.map.gz:file a.txt:file abs:other gone:other in:file insub:directory out:other round:other sub:directory up:other"
	if strings.Join(got, " ") != want {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, " "), want)
	}
	for _, path := range []string{"public/a.txt", "public/up", "public/none"} {
		if list, err := find(t, g, app, path).List(); err == nil {
			t.Errorf("%s: got %v", path, list)
		}
	}
	if i, err := find(t, g, app, "public/in").Stat(); err != nil || i.Type != "file" || i.Size != 1 || i.Modified.IsZero() {
		t.Errorf("got %v, %v", i, err)
	}
	if i, err := find(t, g, app, "public/out").Stat(); err == nil {
		t.Errorf("got %v", i)
	}
}

func TestPublic(t *testing.T) {
	app, g := newFolders(t)
	p, err := NewPublic(find(t, g, app, "public"), []string{"*.MAP", "sub/b.*"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.txt": "a", "/a.txt": "a", "in": "a", ".well-known/x": "known"} {
		text, err := fs.ReadFile(p, name)
		if err != nil || string(text) != want {
			t.Errorf("%s: got %q, %v", name, text, err)
		}
	}
	for _, name := range []string{"", ".", "/", "sub", "insub"} {
		if info, err := p.Stat(name); err != nil || !info.IsDir() {
			t.Errorf("%q: got %v, %v", name, info, err)
		}
		if f, err := p.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: got %v, %v", name, f, err)
		}
	}
	for _, name := range []string{
		"none", ".env", ".ENV", ".git/config", ".git", "sub/.well-known", "a.js.map", "A.JS.MAP", "a.js.map.gz", "A.JS.MAP.BR", "sub/b.x.zst", "sub/b.txt", "out", "abs", "up/secret", "up",
		"gone", "round", "../secret", "..", "a.txt/x", "a\x00", `sub\b.txt`, "//a.txt", "a.txt/", "sub//b.txt", "./a.txt", strings.Repeat("x", 300),
		strings.Repeat("x/", 3000) + "x",
	} {
		if info, err := p.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat %q: got %v, %v", name, info, err)
		}
		if f, err := p.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %q: got %v, %v", name, f, err)
		}
	}
	for _, pattern := range []string{"", "[", "a[]"} {
		if _, err := NewPublic(find(t, g, app, "public"), []string{pattern}); err == nil {
			t.Errorf("pattern %q: no error", pattern)
		}
	}
	sub, err := NewPublic(find(t, g, app, "public/sub"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := fs.ReadFile(sub, "b.txt"); err != nil || string(text) != "b" {
		t.Errorf("got %q, %v", text, err)
	}
	up, err := NewPublic(find(t, g, app, "public/up"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := fs.ReadFile(up, "secret"); err == nil {
		t.Errorf("a folder that is a link out: got %q", text)
	}
}

// The folder may be replaced, as builds do, and by a link, as deployments do.
func TestPublicIsReplaced(t *testing.T) {
	app, g := newFolders(t)
	p, err := NewPublic(find(t, g, app, "public"), nil)
	if err != nil {
		t.Fatal(err)
	}
	release := filepath.Join(app, "release")
	public := filepath.Join(app, "public")
	if err := errors.Join(os.Rename(public, filepath.Join(app, "old")), os.Mkdir(release, 0o755),
		os.WriteFile(filepath.Join(release, "a.txt"), []byte("new"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Stat("a.txt"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.Symlink("release", public); err != nil {
		t.Fatal(err)
	}
	if text, err := fs.ReadFile(p, "a.txt"); err != nil || string(text) != "new" {
		t.Errorf("got %q, %v", text, err)
	}
}

// A name that changes between a file and a link out never shows what is outside.
func TestPublicRace(t *testing.T) {
	app, g := newFolders(t)
	p, err := NewPublic(find(t, g, app, "public"), nil)
	if err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(app, "public")
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			name, target := filepath.Join(public, "swap.new"), []string{"../../secret", "a.txt"}[i%2]
			if err := errors.Join(os.Symlink(target, name), os.Rename(name, filepath.Join(public, "swap"))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 2000 {
		if text, err := fs.ReadFile(p, "swap"); err == nil && string(text) != "a" {
			t.Errorf("got %q", text)
			break
		}
	}
	close(stop)
	swapper.Wait()
}
