// Package password hashes passwords, with Argon2id or bcrypt, and compares passwords with hashes.
// It bounds what a hash may cost, and how many are computed at once.
package password

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

const (
	// MaxBytes is how long a password may be.
	MaxBytes = 4 << 10

	// MaxBcryptBytes is how long a password may be for bcrypt, which reads no more.
	MaxBcryptBytes = 72

	// SaltBytes is how long the salt of a new hash is.
	SaltBytes = 16

	// tagBytes is how long a new hash of Argon2id is.
	tagBytes = 32
)

// Params are what a hash is made with. The zero value is none.
type Params struct {
	Memory uint32 // of Argon2id, in KiB
	Passes uint32 // over the memory
	Lanes  uint8  // computed at the same time

	Cost int // of bcrypt, if it is not 0: a power of two
}

// Default is one of the choices of OWASP's Password Storage Cheat Sheet: 19 MiB, 2 passes.
var Default = Params{Memory: 19 << 10, Passes: 2, Lanes: 1}

// DefaultCost is the cost of bcrypt: as slow as it was meant to be, on machines of today.
const DefaultCost = 12

// What a hash may cost, wherever it comes from: half a second to a second, and 128 MiB. The hashes
// of Django (100 MiB, 2 passes, 8 lanes), PHP and argon2-cffi (64 MiB, 3 or 4 passes) are below.
const (
	MaxMemory = 128 << 10 // KiB
	MaxPasses = 16
	MaxLanes  = 16
	MaxWork   = 512 << 10 // KiB, all passes together
	MinCost   = 4         // bcrypt has no lower one
	MaxCost   = 14
)

// What a new hash must cost: the least of OWASP's choices.
const (
	MinNewMemory = 7 << 10  // KiB
	MinNewWork   = 35 << 10 // KiB, all passes together
	MinNewCost   = 10
)

// Check says what is wrong with parameters for new hashes.
func (p Params) Check() error {
	if p.Cost != 0 {
		if p.Cost < MinNewCost || p.Cost > MaxCost {
			return fmt.Errorf("cost %d: %d to %d expected", p.Cost, MinNewCost, MaxCost)
		}
		return nil
	}
	if p.Memory < MinNewMemory || p.work() < MinNewWork {
		return fmt.Errorf("%d KiB of memory and %d passes are too little: at least %d KiB, and %d KiB times passes, expected",
			p.Memory, p.Passes, MinNewMemory, MinNewWork)
	}
	return p.checkCost()
}

// checkCost says what is too much.
func (p Params) checkCost() error {
	switch {
	case p.Memory > MaxMemory:
		return fmt.Errorf("%d KiB of memory: at most %d expected", p.Memory, MaxMemory)
	case p.Passes < 1 || p.Passes > MaxPasses:
		return fmt.Errorf("%d passes: 1 to %d expected", p.Passes, MaxPasses)
	case p.Lanes < 1 || p.Lanes > MaxLanes:
		return fmt.Errorf("%d lanes: 1 to %d expected", p.Lanes, MaxLanes)
	case p.Memory < 8*uint32(p.Lanes):
		return fmt.Errorf("%d KiB of memory: at least 8 for each lane expected", p.Memory)
	case p.work() > MaxWork:
		return fmt.Errorf("%d KiB of memory and %d passes: at most %d KiB times passes expected", p.Memory, p.Passes, MaxWork)
	}
	return nil
}

func (p Params) work() uint64 { return uint64(p.Memory) * uint64(p.Passes) }

var (
	errEmpty  = errors.New("the password is empty")
	errLong   = fmt.Errorf("the password is longer than %d bytes", MaxBytes)
	errBcrypt = fmt.Errorf("the password is longer than %d bytes", MaxBcryptBytes)
	errNUL    = errors.New("the password has a NUL byte")
)

// CheckLength says that a password is too long for any hash.
func CheckLength(password string) error {
	if len(password) > MaxBytes {
		return errLong
	}
	return nil
}

// CheckPassword says why no hash is made of a password. bcrypt repeats a password with a NUL byte
// behind it: "a" and "a\0a" would be the same.
func (p Params) CheckPassword(password string) error {
	switch {
	case password == "":
		return errEmpty
	case len(password) > MaxBytes:
		return errLong
	case p.Cost != 0 && len(password) > MaxBcryptBytes:
		return errBcrypt
	case p.Cost != 0 && strings.IndexByte(password, 0) >= 0:
		return errNUL
	}
	return nil
}

// Hash makes the hash of a password that CheckPassword lets pass. The salt has SaltBytes bytes;
// bcrypt draws its own.
func (p Params) Hash(password string, salt []byte) (string, error) {
	if p.Cost != 0 {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), p.Cost)
		return string(hash), err
	}
	tag := argon2.IDKey([]byte(password), salt, p.Passes, p.Memory, p.Lanes, tagBytes)
	return Hash{Params: p, salt: salt, tag: tag}.String(), nil
}

// Hash is a hash that was stored.
type Hash struct {
	Params
	bcrypt    string // "": of Argon2id
	salt, tag []byte
	nobody    bool // it is of no password
}

// Nobody returns a hash that costs what one with the parameters costs, and that no password
// matches.
func (p Params) Nobody() Hash {
	h := Hash{Params: p, nobody: true, salt: make([]byte, SaltBytes), tag: make([]byte, tagBytes)}
	if p.Cost != 0 {
		h.bcrypt = fmt.Sprintf("$2b$%02d$%s", p.Cost, strings.Repeat(".", bcryptTextBytes))
	}
	return h
}

// Matches reports whether a hash is of a password. It takes as long for one that cannot have been
// hashed.
func (h Hash) Matches(password string) bool {
	possible := !h.nobody && h.CheckPassword(password) == nil
	if h.bcrypt != "" {
		cut := []byte(password)
		err := bcrypt.CompareHashAndPassword([]byte(h.bcrypt), cut[:min(len(cut), MaxBcryptBytes)])
		return err == nil && possible
	}
	tag := argon2.IDKey([]byte(password), h.salt, h.Passes, h.Memory, h.Lanes, uint32(len(h.tag)))
	return subtle.ConstantTimeCompare(tag, h.tag) == 1 && possible
}

// IsWeaker reports whether a hash should be made anew: with another algorithm, or with less than
// p has.
func (h Hash) IsWeaker(p Params) bool {
	if h.Cost != 0 || p.Cost != 0 {
		return h.Cost < p.Cost || p.Cost == 0
	}
	return h.Memory < p.Memory || h.Passes < p.Passes || len(h.salt) < SaltBytes || len(h.tag) < tagBytes
}

var phcText = base64.RawStdEncoding.Strict()

// String is the hash as a PHC string.
func (h Hash) String() string {
	if h.bcrypt != "" {
		return h.bcrypt
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Passes, h.Lanes,
		phcText.EncodeToString(h.salt), phcText.EncodeToString(h.tag))
}
