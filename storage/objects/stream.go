package objects

import (
	"context"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"

	"github.com/speechqa/speechqa/pipeline"
)

// streamPart is how much of an object PutStream holds in memory.
const streamPart = 16 << 20

// PutStream writes an object of that many bytes from a stream that can be read once. It holds at most 16 MiB of it in
// memory; what is larger goes in parts. The server checks the MD5 of each.
func (s *Store) PutStream(ctx context.Context, bucket, key string, r io.Reader, size int64) (pipeline.Object, error) {
	info, err := s.client.PutObject(ctx, bucket, key, r, size, minio.PutObjectOptions{
		ContentType: "application/octet-stream", SendContentMd5: true, PartSize: streamPart,
		DisableContentSha256: size == 0, // as in Put
	})
	if err != nil {
		return pipeline.Object{}, fmt.Errorf("put %s/%s: %w", bucket, key, err)
	}
	return pipeline.Object{Bucket: bucket, Key: key, VersionID: info.VersionID, ETag: info.ETag, Size: size, LastModified: info.LastModified}, nil
}

// DropParts forgets parts under the key of uploads that were never finished.
func (s *Store) DropParts(ctx context.Context, bucket, key string) error {
	if err := s.client.RemoveIncompleteUpload(ctx, bucket, key); err != nil {
		return fmt.Errorf("forget unfinished uploads of %s/%s: %w", bucket, key, err)
	}
	return nil
}
