package password

import (
	"context"
	"runtime"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/libtest"
	"github.com/caddy-rover/rover/luart/password"
)

// cheap are options of the least cost.
const cheap = `{ algorithm = "bcrypt", cost = 10 }`

func TestPassword(t *testing.T) {
	vm := libtest.New(t, Library)
	for name, c := range map[string][2]string{
		"a hash and its password":    {`local h = rover.password.hash("pä\0ss") return h:sub(1, 31), rover.password.verify("pä\0ss", h)`, "$argon2id$v=19$m=19456,t=2,p=1$ | true | false"},
		"another password":           {`return rover.password.verify("b", rover.password.hash("a"))`, "false | false"},
		"hashes differ":              {`return rover.password.hash("a") == rover.password.hash("a")`, "false"},
		"options":                    {`return rover.password.hash("a", { memory = "7MiB", passes = 5, lanes = 2 }):sub(1, 30)`, "$argon2id$v=19$m=7168,t=5,p=2$"},
		"bcrypt":                     {`local h = rover.password.hash("a", ` + cheap + `) return h:sub(1, 7), rover.password.verify("a", h)`, "$2a$10$ | true | true"},
		"needs no rehash":            {`return rover.password.verify("a", rover.password.hash("a", ` + cheap + `), ` + cheap + `)`, "true | false"},
		"a wrong one needs none":     {`return rover.password.verify("b", rover.password.hash("a", ` + cheap + `))`, "false | false"},
		"nobody":                     {`return rover.password.verify("a", nil)`, "false | false"},
		"nobody by bcrypt":           {`return rover.password.verify("a", nil, ` + cheap + `)`, "false | false"},
		"empty":                      {`rover.password.hash("")`, "error: the password is empty"},
		"verifying an empty one":     {`return rover.password.verify("", nil)`, "false | false"},
		"long":                       {`rover.password.hash(("x"):rep(4097))`, "error: the password is longer than 4096 bytes"},
		"verifying a long one":       {`rover.password.verify(("x"):rep(4097), nil)`, "error: the password is longer than 4096 bytes"},
		"long for bcrypt":            {`rover.password.hash(("x"):rep(73), ` + cheap + `)`, "error: the password is longer than 72 bytes"},
		"not to be told from others": {`return rover.password.verify(("x"):rep(73), rover.password.hash(("x"):rep(72), ` + cheap + `))`, "false | false"},
		"errors have a status":       {`local _, err = pcall(rover.password.hash, "") return err.status`, "400"},
		"a hash that costs too much": {
			`rover.password.verify("a", "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")`,
			"error: chunk:1: bad argument #2 to verify (a hash that costs too much or nothing: 4194304 KiB of memory: at most 131072 expected)",
		},
		"an empty hash": {
			`rover.password.verify("a", "")`,
			"error: chunk:1: bad argument #2 to verify (no hash of argon2id ($argon2id$v=19$m=…,t=…,p=…$salt$hash) or bcrypt ($2b$…))",
		},
		"a table is no hash":      {`rover.password.verify("a", {})`, "error: chunk:1: bad argument #2 to verify (string expected, got table)"},
		"no password":             {`rover.password.verify(nil, nil)`, "error: chunk:1: bad argument #1 to verify (string expected, got nil)"},
		"too weak":                {`rover.password.hash("a", { passes = 1 })`, "error: chunk:1: bad argument #2 to hash (19456 KiB of memory and 1 passes are too little: at least 7168 KiB, and 35840 KiB times passes, expected)"},
		"too costly":              {`rover.password.hash("a", { memory = "1GiB" })`, "error: chunk:1: bad argument #2 to hash (1048576 KiB of memory: at most 131072 expected)"},
		"a part of a pass":        {`rover.password.hash("a", { passes = 1.5 })`, "error: chunk:1: bad argument #2 to hash (option 'passes': a whole number expected, got 1.5)"},
		"an option of the other":  {`rover.password.hash("a", { cost = 12 })`, "error: chunk:1: bad argument #2 to hash (option 'cost' is one of bcrypt)"},
		"likewise":                {`rover.password.hash("a", { algorithm = "bcrypt", memory = "19MiB" })`, "error: chunk:1: bad argument #2 to hash (option 'memory' is one of argon2id)"},
		"an algorithm too old":    {`rover.password.hash("a", { algorithm = "md5" })`, `error: chunk:1: bad argument #2 to hash (option 'algorithm': "argon2id" or "bcrypt" expected, got md5)`},
		"an option that is none":  {`rover.password.hash("a", { rounds = 12 })`, `error: chunk:1: bad argument #2 to hash (unknown option "rounds": there are algorithm, memory, passes, lanes, cost)`},
		"nan of lanes, and so on": {`rover.password.hash("a", { lanes = 0/0 })`, "error: chunk:1: bad argument #2 to hash (option 'lanes': a whole number expected, got nan)"},
	} {
		t.Run(name, func(t *testing.T) { vm.Expect(t, c[0], c[1]) })
	}
}

// Where too many are hashed, the next one is a 503 at once, and costs nothing.
func TestBusy(t *testing.T) {
	gate := password.NewGate(1, 0)
	vm := libtest.New(t, &lib.Library{Name: "password", Open: func(s *lib.Scope) lua.LValue { return open(s, gate) }})
	leave, err := gate.Take()
	if err != nil {
		t.Fatal(err)
	}
	vm.Expect(t, `local _, err = pcall(rover.password.verify, "a", nil) return err.status, err`,
		"503 | too many passwords are hashed at once: try again later")
	leave()
	vm.Expect(t, `return rover.password.verify("a", nil)`, "false | false")
	vm.Expect(t, `return rover.password.verify("a", nil)`, "false | false")
}

// While a hash is computed, others have the VM.
func TestOffTheVM(t *testing.T) {
	gate := password.NewGate(1, 0)
	vm := libtest.New(t, &lib.Library{Name: "password", Open: func(s *lib.Scope) lua.LValue { return open(s, gate) }})
	running, release := make(chan struct{}), make(chan struct{})
	go func() { _ = gate.Run(context.Background(), func() { close(running); <-release }) }()
	<-running
	got := make(chan string, 1)
	go func() {
		text, err := vm.Eval(context.Background(), `return rover.password.verify("a", nil)`)
		if err != nil {
			text = err.Error()
		}
		got <- text
	}()
	for gate.Free() > 0 { // until it has come to the gate
		select {
		case text := <-got:
			t.Fatal(text)
		default:
			runtime.Gosched()
		}
	}
	vm.Expect(t, `return 1`, "1")
	close(release)
	if text := <-got; !strings.HasPrefix(text, "false") {
		t.Error(text)
	}
}
