package password

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What salts and hashes of others have. No hash text is longer than maxText.
const (
	minSalt, maxSalt = 8, 64
	minTag, maxTag   = 16, 64
	maxText          = 256

	bcryptTextBytes = 53 // salt and hash of bcrypt
	bcryptAlphabet  = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

var errForm = errors.New("no hash of argon2id ($argon2id$v=19$m=…,t=…,p=…$salt$hash) or bcrypt ($2b$…)")

// Parse reads a stored hash: what Hash has made, and what other programs make in the same forms. It
// refuses one that costs more than it may. Errors say nothing of the salt and the hash.
func Parse(text string) (Hash, error) {
	if len(text) > maxText {
		return Hash{}, errForm
	}
	if strings.HasPrefix(text, "$2") {
		return parseBcrypt(text)
	}
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return Hash{}, errForm
	}
	if parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return Hash{}, fmt.Errorf("a hash of another version of argon2id than v=%d", argon2.Version)
	}
	p, err := parseParams(parts[3])
	if err != nil {
		return Hash{}, err
	}
	h := Hash{Params: p}
	if h.salt, err = phcText.DecodeString(parts[4]); err != nil || len(h.salt) < minSalt || len(h.salt) > maxSalt {
		return Hash{}, fmt.Errorf("a hash whose salt is not base64 of %d to %d bytes", minSalt, maxSalt)
	}
	if h.tag, err = phcText.DecodeString(parts[5]); err != nil || len(h.tag) < minTag || len(h.tag) > maxTag {
		return Hash{}, fmt.Errorf("a hash that is not base64 of %d to %d bytes", minTag, maxTag)
	}
	// A decoder of base64 skips line ends.
	if h.String() != text {
		return Hash{}, errForm
	}
	return h, nil
}

// parseParams reads "m=19456,t=2,p=1".
func parseParams(text string) (p Params, err error) {
	var n [3]uint64
	fields := strings.Split(text, ",")
	if len(fields) != len(n) {
		return p, errForm
	}
	for i, prefix := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(fields[i], prefix)
		if !ok {
			return p, errForm
		}
		if n[i], err = strconv.ParseUint(digits, 10, 32); err != nil {
			return p, errForm
		}
	}
	p = Params{Memory: uint32(n[0]), Passes: uint32(n[1]), Lanes: uint8(min(n[2], MaxLanes+1))}
	if err := p.checkCost(); err != nil {
		return Params{}, fmt.Errorf("a hash that costs too much or nothing: %w", err)
	}
	return p, nil
}

// parseBcrypt reads "$2b$12$" and 53 characters. 2a and 2y are other names of 2b; 2x is of a faulty
// program.
func parseBcrypt(text string) (Hash, error) {
	if len(text) != 7+bcryptTextBytes || text[3] != '$' || text[6] != '$' ||
		!strings.ContainsRune("aby", rune(text[2])) || strings.Trim(text[7:], bcryptAlphabet) != "" {
		return Hash{}, errForm
	}
	tens, ones := text[4]-'0', text[5]-'0'
	if tens > 9 || ones > 9 {
		return Hash{}, errForm
	}
	cost := int(tens)*10 + int(ones)
	if cost < MinCost || cost > MaxCost {
		return Hash{}, fmt.Errorf("a hash of bcrypt of cost %d: %d to %d expected", cost, MinCost, MaxCost)
	}
	return Hash{Params: Params{Cost: cost}, bcrypt: text}, nil
}
