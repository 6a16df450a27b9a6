package objects

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/speechqa/speechqa/pipeline"
)

// streamPart is how much of an object PutStream holds in memory.
const streamPart = 16 << 20

// PutStream writes an object of that many bytes from a stream that can be read once. It holds at most 16 MiB of it in
// memory; what is larger goes in parts. The server checks the MD5 of each.
func (s *Store) PutStream(ctx context.Context, bucket, key string, r io.Reader, size int64) (pipeline.Object, error) {
	return s.putStream(ctx, bucket, key, r, size, nil)
}

func (s *Store) putStream(ctx context.Context, bucket, key string, r io.Reader, size int64, meta map[string]string) (pipeline.Object, error) {
	info, err := s.client.PutObject(ctx, bucket, key, r, size, minio.PutObjectOptions{
		ContentType: "application/octet-stream", UserMetadata: meta, ServerSideEncryption: s.sse, SendContentMd5: true, PartSize: streamPart,
		DisableContentSha256: size == 0, // as in Put
	})
	if err != nil {
		return pipeline.Object{}, fmt.Errorf("put %w", explain(bucket, key, err))
	}
	return pipeline.Object{Bucket: bucket, Key: key, VersionID: info.VersionID, ETag: info.ETag, Size: size, LastModified: info.LastModified}, nil
}

// PutBack writes an object again under its key, with the metadata it had and in parts as PutStream does. What of the
// metadata is not ASCII cannot be a header and is left out: the database has it.
func (s *Store) PutBack(ctx context.Context, o pipeline.Object, r io.Reader) (pipeline.Object, error) {
	meta := map[string]string{}
	for k, v := range o.UserMetadata {
		if isASCII(k) && isASCII(v) {
			meta[k] = v
		}
	}
	return s.putStream(ctx, o.Bucket, o.Key, r, o.Size, meta)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
}

// DropParts forgets parts under the key of uploads that were never finished.
func (s *Store) DropParts(ctx context.Context, bucket, key string) error {
	if err := s.client.RemoveIncompleteUpload(ctx, bucket, key); err != nil {
		return fmt.Errorf("forget unfinished uploads of %s/%s: %w", bucket, key, err)
	}
	return nil
}
