package objects

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/speechqa/speechqa/custody"
)

// ErrWrongBytes says that an object's bytes are not those that the store's own checksum is of.
var ErrWrongBytes = fmt.Errorf("%w: their MD5 is not its ETag", custody.ErrDiffers)

// verified is a stream that ends with ErrWrongBytes instead of io.EOF when its MD5 is not the object's.
type verified struct {
	io.ReadCloser
	sum  hash.Hash
	want string
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.sum.Write(p[:n])
	if err != io.EOF {
		return n, err
	}
	if got := hex.EncodeToString(v.sum.Sum(nil)); got != v.want {
		return n, fmt.Errorf("%w: %s, not %s", ErrWrongBytes, got, v.want)
	}
	return n, io.EOF
}

// verify checks a stream where the ETag is an MD5: not for objects uploaded in parts (their ETag has a dash), nor
// for those the store keeps encrypted with a key of the customer's or of a key service.
func verify(body io.ReadCloser, info minio.ObjectInfo) io.ReadCloser {
	etag := object("", info).ETag
	if raw, err := hex.DecodeString(etag); err != nil || len(raw) != md5.Size || otherETag(info.Metadata) {
		return body
	}
	return &verified{body, md5.New(), etag}
}

func otherETag(h http.Header) bool {
	return h.Get("X-Amz-Server-Side-Encryption-Customer-Algorithm") != "" || h.Get("X-Amz-Server-Side-Encryption") == "aws:kms" ||
		h.Get("X-Amz-Server-Side-Encryption") == "aws:kms:dsse"
}
