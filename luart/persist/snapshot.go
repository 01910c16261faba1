package persist

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Header says what a snapshot is. It can be read with "head -2".
type Header struct {
	Format   int       `json:"format"`         // of the state
	Kind     string    `json:"kind,omitempty"` // of what; "": "state"
	Sequence int64     `json:"sequence"`       // the highest one is the newest
	Saved    time.Time `json:"saved"`
	VM       string    `json:"vm"`
	Run      string    `json:"run"` // the same for all that one VM has saved
}

// magic is how a snapshot begins.
const magic = "rover state\n"

// maxHeaderBytes is far more than a header with the longest path as its name takes.
const maxHeaderBytes = 64 << 10

// maxSequence is far from where the next number would be negative, and 146,000 years from
// now: numbers are microseconds.
const maxSequence = 1 << 62

// Why data is no snapshot.
var (
	errMagic    = errors.New("it is no snapshot: it begins with something else")
	errChecksum = errors.New("its checksum is wrong: it has been cut off or changed")
	errHeader   = errors.New("its header is not valid")
)

// encode returns the snapshot of a state.
func encode(h Header, state []byte) ([]byte, error) {
	line, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encoding the header of a snapshot: %w", err)
	}
	data := make([]byte, 0, len(magic)+len(line)+1+len(state)+sha256.Size)
	data = append(data, magic...)
	data = append(data, line...)
	data = append(data, '\n')
	data = append(data, state...)
	sum := sha256.Sum256(data)
	return append(data, sum[:]...), nil
}

// decode returns what encode has been given; state is a part of data. data may be anything.
func decode(data []byte) (h Header, state []byte, err error) {
	if !bytes.HasPrefix(data, []byte(magic)) {
		return h, nil, errMagic
	}
	end := len(data) - sha256.Size
	if end < len(magic) {
		return h, nil, errChecksum
	}
	if sum := sha256.Sum256(data[:end]); !bytes.Equal(sum[:], data[end:]) {
		return h, nil, errChecksum
	}
	rest := data[len(magic):end]
	n := bytes.IndexByte(rest[:min(len(rest), maxHeaderBytes)], '\n')
	if n < 0 {
		return h, nil, errHeader
	}
	if err := json.Unmarshal(rest[:n], &h); err != nil {
		return h, nil, fmt.Errorf("%w: %w", errHeader, err)
	}
	if h.Format < 1 || h.Sequence < 1 || h.Sequence > maxSequence {
		return h, nil, errHeader
	}
	return h, rest[n+1:], nil
}
