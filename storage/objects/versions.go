package objects

import (
	"context"

	"github.com/minio/minio-go/v7"

	"github.com/speechqa/speechqa/pipeline"
)

// Versions returns every version of the objects below prefix, also of those that were overwritten or deleted since.
func (s *Store) Versions(ctx context.Context, bucket, prefix string) ([]pipeline.Object, error) {
	var out []pipeline.Object
	for o := range s.client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			return nil, explain(bucket, prefix, o.Err)
		}
		if !o.IsDeleteMarker {
			out = append(out, object(bucket, o))
		}
	}
	return out, nil
}
