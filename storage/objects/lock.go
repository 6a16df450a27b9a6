package objects

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
)

// Locking asks the store about a bucket.
func (s *Store) Locking(ctx context.Context, bucket string) (custody.Locking, error) {
	var l custody.Locking
	v, err := s.client.GetBucketVersioning(ctx, bucket)
	if err != nil {
		return l, fmt.Errorf("versioning of bucket %s: %w", bucket, err)
	}
	l.Versions = v.Enabled()
	enabled, _, _, _, err := s.client.GetObjectLockConfig(ctx, bucket)
	var resp minio.ErrorResponse
	switch {
	case errors.As(err, &resp) && (resp.Code == "ObjectLockConfigurationNotFoundError" || resp.Code == "NotImplemented" ||
		resp.StatusCode == http.StatusNotFound && resp.Code != "NoSuchBucket"):
		return l, nil
	case err != nil:
		return l, fmt.Errorf("object lock of bucket %s: %w", bucket, err)
	}
	l.Locks = enabled == "Enabled"
	return l, nil
}

// EnsureLockedBucket makes the bucket with versions and object lock where it is missing. One that is there stays as
// it is: lock can be had only from a bucket's first day.
func (s *Store) EnsureLockedBucket(ctx context.Context, bucket string) error {
	ok, err := s.client.BucketExists(ctx, bucket)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", bucket, err)
	}
	if ok {
		return nil
	}
	if err := s.client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
		return fmt.Errorf("make bucket %s: %w", bucket, err)
	}
	return nil
}

// Retain locks the version until the moment, or extends its lock. The store refuses an earlier one than it holds.
func (s *Store) Retain(ctx context.Context, o pipeline.Object, until time.Time, mode custody.LockMode) error {
	m := minio.RetentionMode(mode)
	until = until.UTC().Truncate(time.Second)
	err := s.client.PutObjectRetention(ctx, o.Bucket, o.Key, minio.PutObjectRetentionOptions{Mode: &m, RetainUntilDate: &until, VersionID: o.VersionID})
	if err != nil {
		return fmt.Errorf("lock: %w", explain(o.Bucket, o.Key, err))
	}
	return nil
}

// Hold sets or ends the version's legal hold: while it is set the store deletes nothing, whatever the date.
func (s *Store) Hold(ctx context.Context, o pipeline.Object, on bool) error {
	status := minio.LegalHoldDisabled
	if on {
		status = minio.LegalHoldEnabled
	}
	err := s.client.PutObjectLegalHold(ctx, o.Bucket, o.Key, minio.PutObjectLegalHoldOptions{Status: &status, VersionID: o.VersionID})
	if err != nil {
		return fmt.Errorf("legal hold: %w", explain(o.Bucket, o.Key, err))
	}
	return nil
}

// Kept asks how the version is kept; a missing one wraps pipeline.ErrGone. The embedded store keeps the lock of a
// version that was overwritten, but does not tell of it.
func (s *Store) Kept(ctx context.Context, o pipeline.Object) (custody.Kept, error) {
	info, err := s.client.StatObject(ctx, o.Bucket, o.Key, minio.StatObjectOptions{VersionID: o.VersionID})
	if err != nil {
		return custody.Kept{}, explain(o.Bucket, o.Key, err)
	}
	k := custody.Kept{Mode: custody.LockMode(info.Metadata.Get("X-Amz-Object-Lock-Mode")), Held: info.Metadata.Get("X-Amz-Object-Lock-Legal-Hold") == "ON"}
	if at := info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"); at != "" {
		if k.Until, err = time.Parse(time.RFC3339, at); err != nil {
			return k, fmt.Errorf("%s/%s: lock's date: %w", o.Bucket, o.Key, err)
		}
	}
	return k, nil
}

// Remove deletes that very version, or where the bucket has none, the object while it has that ETag. One that is
// gone already is no error: a removal can be repeated.
func (s *Store) Remove(ctx context.Context, o pipeline.Object) error {
	if o.VersionID == "" {
		info, err := s.client.StatObject(ctx, o.Bucket, o.Key, minio.StatObjectOptions{})
		if err != nil {
			if err = explain(o.Bucket, o.Key, err); errors.Is(err, pipeline.ErrGone) {
				return s.bucketOr(ctx, o.Bucket, nil)
			}
			return err
		}
		if object(o.Bucket, info).ETag != o.ETag {
			return nil // another object took its place
		}
	}
	if err := s.client.RemoveObject(ctx, o.Bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID}); err != nil {
		if err = explain(o.Bucket, o.Key, err); !errors.Is(err, pipeline.ErrGone) {
			return fmt.Errorf("remove: %w", err)
		}
	}
	return nil
}
