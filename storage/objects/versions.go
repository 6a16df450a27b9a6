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

// RemoveAll deletes every version of the object under that very key, and the marks of earlier deletions. One that is
// gone already is no error. The store refuses where one of them is locked or held.
func (s *Store) RemoveAll(ctx context.Context, bucket, key string) error {
	var all []minio.ObjectInfo
	for o := range s.client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: key, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			return explain(bucket, key, o.Err)
		}
		if o.Key == key {
			all = append(all, o)
		}
	}
	for _, o := range all {
		version := o.VersionID
		if version == "null" { // of before the bucket had versions, or of one that has none
			version = ""
		}
		if err := s.Remove(ctx, pipeline.Object{Bucket: bucket, Key: key, VersionID: version, ETag: object(bucket, o).ETag}); err != nil {
			return err
		}
	}
	return nil
}
