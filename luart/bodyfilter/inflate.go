package bodyfilter

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

const (
	// pieceBytes come out at once, at most, of all but zstd, which has blocks of 128 KiB.
	pieceBytes = 32 << 10

	// maxZstdWindow is what RFC 9659 allows to the content coding.
	maxZstdWindow = 8 << 20

	// rawTrailer bytes are let pass behind raw deflate: servers that leave out the header of zlib send its checksum nevertheless.
	rawTrailer = 4
)

var errTrailing = errors.New("there are bytes after the end of the encoded data")

// decoders read all of in, and write to it what they decode. nil: it ended where it should.
var decoders = map[string]func(in *input) error{
	"gzip":    decodeGzip,
	"deflate": decodeDeflate,
	"br":      decodeBrotli,
	"zstd":    decodeZstd,
}

// inflater is what decoding gzip and deflate needs: some 80 KiB, kept for the next one.
type inflater struct {
	buffered *bufio.Reader // over the input. Its Read returns what is there, so that flushed data is not held back
	gzip     gzip.Reader
	flate    io.ReadCloser
	zlib     io.ReadCloser
	piece    [pieceBytes]byte
}

var inflaters = sync.Pool{New: func() any { return &inflater{buffered: bufio.NewReader(nil)} }}

func getInflater(in *input) *inflater {
	f := inflaters.Get().(*inflater)
	f.buffered.Reset(in)
	return f
}

func (f *inflater) release() {
	f.buffered.Reset(nil)
	inflaters.Put(f)
}

func decodeGzip(in *input) error {
	f := getInflater(in)
	defer f.release()
	for first := true; ; first = false {
		if !first {
			if _, err := f.buffered.Peek(1); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
		}
		if err := f.gzip.Reset(f.buffered); err != nil {
			if !first && errors.Is(err, gzip.ErrHeader) {
				return errTrailing
			}
			return err
		}
		f.gzip.Multistream(false) // else it would wait for the next header before it hands out the end of this member
		if err := copyPieces(in, &f.gzip, f.piece[:]); err != nil {
			return err
		}
	}
}

func decodeDeflate(in *input) error {
	f := getInflater(in)
	defer f.release()
	head, err := f.buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(head) == 2 && isZlib(head[0], head[1]) {
		if f.zlib == nil {
			f.zlib, err = zlib.NewReader(f.buffered)
		} else {
			err = f.zlib.(zlib.Resetter).Reset(f.buffered, nil)
		}
		if err == nil {
			err = copyPieces(in, f.zlib, f.piece[:])
		}
		if err != nil {
			return err
		}
		return expectEnd(f.buffered, 0)
	}
	if f.flate == nil {
		f.flate = flate.NewReader(f.buffered)
	} else if err := f.flate.(flate.Resetter).Reset(f.buffered, nil); err != nil {
		return err
	}
	if err := copyPieces(in, f.flate, f.piece[:]); err != nil {
		return err
	}
	return expectEnd(f.buffered, rawTrailer)
}

// isZlib tells the header of zlib from raw deflate, which begins like it only if it begins with a stored block and has bits set that
// encoders leave zero.
func isZlib(cmf, flg byte) bool {
	return cmf&0xf == 8 && cmf>>4 <= 7 && (uint(cmf)<<8|uint(flg))%31 == 0
}

// expectEnd returns errTrailing if more than so many bytes follow.
func expectEnd(r *bufio.Reader, allowed int) error {
	_, err := r.Peek(allowed + 1)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return errTrailing
	}
	return err
}

// brotliReader is a brotli.Reader with what it is read by. Of some odd streams that come in small pieces the library says "excessive input"
// at their end, where it decodes them from one piece: it judges by a buffer that it need not have emptied (decoderResultSuccess with
// buffer_length). FuzzDecoder has one. The response is refused then, not decoded wrongly.
type brotliReader struct {
	brotli.Reader
	piece [pieceBytes]byte
}

var brotliReaders = sync.Pool{New: func() any { return new(brotliReader) }}

func decodeBrotli(in *input) error {
	r := brotliReaders.Get().(*brotliReader)
	_ = r.Reset(in) // cannot fail
	err := copyPieces(in, r, r.piece[:])
	_ = r.Reset(nil)
	brotliReaders.Put(r)
	return err
}

var zstdReaders = sync.Pool{New: func() any {
	// One at a time: then it starts no goroutine, and need not be closed.
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow), zstd.WithDecoderMaxMemory(maxZstdWindow))
	if err != nil {
		panic(err) // the options are constants
	}
	return r
}}

func decodeZstd(in *input) error {
	r := zstdReaders.Get().(*zstd.Decoder)
	err := r.Reset(in)
	if err == nil {
		_, err = r.WriteTo(in) // a Read would wait for a full buffer: this hands out block by block
	}
	if r.Reset(nil) == nil {
		zstdReaders.Put(r)
	}
	return err
}

// copyPieces is io.Copy with a buffer.
func copyPieces(w io.Writer, r io.Reader, piece []byte) error {
	for {
		n, err := r.Read(piece)
		if _, werr := w.Write(piece[:n]); werr != nil {
			return werr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
