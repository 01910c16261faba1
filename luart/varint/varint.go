// Package varint writes and reads numbers of no fixed size and texts behind their length, as
// encoding/binary does, from data that may be anything. It is what records of sessions and snapshots
// of stores are made of.
package varint

import "encoding/binary"

// AppendInt appends a number.
func AppendInt(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

// AppendCount appends a number that Count reads.
func AppendCount(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) }

// AppendText appends a text behind its length.
func AppendText[T string | []byte](dst []byte, text T) []byte {
	return append(AppendCount(dst, len(text)), text...)
}

// Reader reads what the functions above have appended. Once it has failed it returns nothing any
// more. One goroutine at a time may use it.
type Reader struct {
	data   []byte
	failed bool
}

// NewReader returns a Reader of data, which is not changed.
func NewReader(data []byte) *Reader { return &Reader{data: data} }

// Failed reports whether something was not there.
func (r *Reader) Failed() bool { return r.failed }

// AtEnd reports whether all could be read, and nothing is left.
func (r *Reader) AtEnd() bool { return !r.failed && len(r.data) == 0 }

// Byte reads a byte.
func (r *Reader) Byte() byte {
	if len(r.data) == 0 {
		r.fail()
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

// Int reads a number.
func (r *Reader) Int() int64 {
	v, n := binary.Varint(r.data)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return v
}

// Count reads a number of things each of which takes a byte at least: it is never more than what is
// left.
func (r *Reader) Count() int {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v > uint64(len(r.data)-n) {
		r.fail()
		return 0
	}
	r.data = r.data[n:]
	return int(v)
}

// Text reads a text. It is a part of the data.
func (r *Reader) Text() []byte {
	n := r.Count()
	text := r.data[:n:n]
	r.data = r.data[n:]
	return text
}

func (r *Reader) fail() { r.failed, r.data = true, nil }
