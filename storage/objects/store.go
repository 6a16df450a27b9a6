package objects

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
)

// Config says where the object store is.
type Config struct {
	Endpoint  string // http://host:port or https://host:port
	AccessKey string
	SecretKey string
	Region    string
	Style     string // auto, path or virtual
	CA        string // PEM file of further authorities; "" for none
	Encrypt   string // what the store is asked to encrypt what is written with: "" or off, s3 (its own key), kms:KEY (a key service's)
}

// Store reads and writes recordings in an S3 store. It is safe for concurrent use.
type Store struct {
	client *minio.Client
	sse    encrypt.ServerSide // nil: the store is not asked to encrypt
}

// Open prepares the connection; nothing is sent yet. At most one observer is told of every request.
func Open(cfg Config, observer ...Observer) (*Store, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("address of the object store: %q is not a URL like http://minio:9000", cfg.Endpoint)
	}
	plain, err := transport(cfg.CA)
	if err != nil {
		return nil, err
	}
	var transport http.RoundTripper = plain
	if len(observer) > 0 {
		transport = observed{plain, observer[0]}
	}
	lookup := map[string]minio.BucketLookupType{"path": minio.BucketLookupPath, "virtual": minio.BucketLookupDNS}[cfg.Style]
	client, err := minio.New(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""),
		Secure: u.Scheme == "https", Region: cfg.Region, BucketLookup: lookup, Transport: transport,
		MaxRetries: 3, // longer outages are the queue's to wait for
	})
	if err != nil {
		return nil, fmt.Errorf("address of the object store: %w", err)
	}
	sse, err := serverSide(cfg.Encrypt)
	if err != nil {
		return nil, err
	}
	return &Store{client, sse}, nil
}

// transport never waits for long: who answers within these times can still send slowly.
func transport(ca string) (*http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 30 * time.Second
	t.MaxIdleConnsPerHost = 16
	t.DisableCompression = true // objects are wanted as they are
	if ca == "" {
		return t, nil
	}
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("authorities of the object store's certificate: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("the system's certificate authorities: %w", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", ca)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// BucketExists says whether the bucket is there and can be seen.
func (s *Store) BucketExists(ctx context.Context, bucket string) (bool, error) {
	return s.client.BucketExists(ctx, bucket)
}

// EnsureBucket makes the bucket where it is missing.
func (s *Store) EnsureBucket(ctx context.Context, bucket string) error {
	ok, err := s.client.BucketExists(ctx, bucket)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", bucket, err)
	}
	if ok {
		return nil
	}
	if err := s.client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}); err != nil {
		return fmt.Errorf("make bucket %s: %w", bucket, err)
	}
	return nil
}

// PutOptions say what is known of an object.
type PutOptions struct {
	ContentType string
	Metadata    map[string]string // ASCII
}

// Put writes an object in one part; the server checks its MD5. Size may not be negative.
func (s *Store) Put(ctx context.Context, bucket, key string, r io.Reader, size int64, o PutOptions) (pipeline.Object, error) {
	info, err := s.client.PutObject(ctx, bucket, key, r, size, minio.PutObjectOptions{
		ContentType: o.ContentType, UserMetadata: o.Metadata, ServerSideEncryption: s.sse, SendContentMd5: true, DisableMultipart: size < 1<<30,
		// The embedded store does not read the signed chunks that nothing is sent in, and takes them for the next request.
		DisableContentSha256: size == 0,
	})
	if err != nil {
		return pipeline.Object{}, fmt.Errorf("put %s/%s: %w", bucket, key, err)
	}
	return pipeline.Object{Bucket: bucket, Key: key, VersionID: info.VersionID, ETag: info.ETag, Size: info.Size,
		LastModified: info.LastModified, UserMetadata: o.Metadata}, nil
}

// List returns up to limit objects of the bucket below prefix with keys after the given one, in the order of
// their keys. Fewer than limit means that the end was reached.
func (s *Store) List(ctx context.Context, bucket, prefix, after string, limit int) ([]pipeline.Object, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing's goroutine when there is more than asked for
	var out []pipeline.Object
	for o := range s.client.ListObjects(ctx, bucket, minio.ListObjectsOptions{
		Prefix: prefix, StartAfter: after, Recursive: true, MaxKeys: limit,
	}) {
		if o.Err != nil {
			return nil, fmt.Errorf("list %s/%s: %w", bucket, prefix, o.Err)
		}
		out = append(out, object(bucket, o))
		if len(out) == limit {
			break
		}
	}
	return out, nil
}

// Stat returns the object with its user metadata and tags; a missing one wraps pipeline.ErrGone.
func (s *Store) Stat(ctx context.Context, bucket, key string) (pipeline.Object, error) {
	info, err := s.client.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return pipeline.Object{}, explain(bucket, key, err)
	}
	o := object(bucket, info)
	if info.UserTagCount > 0 {
		tags, err := s.client.GetObjectTagging(ctx, bucket, key, minio.GetObjectTaggingOptions{VersionID: info.VersionID})
		if err != nil {
			return o, explain(bucket, key, err)
		}
		maps.Copy(o.UserMetadata, tags.ToMap())
	}
	return o, nil
}

// Open returns the object's stream: that very version, or where the bucket has none, the object with that ETag.
// One that is gone or was replaced wraps pipeline.ErrGone. Read to its end, it fails with ErrWrongBytes where the
// store's checksum does not fit.
func (s *Store) Open(ctx context.Context, o pipeline.Object) (io.ReadCloser, error) {
	obj, info, err := s.open(ctx, o)
	if err != nil {
		return nil, err
	}
	return verify(obj, info), nil
}

// OpenSeeker is Open for reading anywhere in the object, without the checksum.
func (s *Store) OpenSeeker(ctx context.Context, o pipeline.Object) (io.ReadSeekCloser, error) {
	obj, _, err := s.open(ctx, o)
	if err != nil {
		return nil, err
	}
	return obj, nil
}

func (s *Store) open(ctx context.Context, o pipeline.Object) (*minio.Object, minio.ObjectInfo, error) {
	opt := minio.GetObjectOptions{VersionID: o.VersionID}
	if o.VersionID == "" && o.ETag != "" {
		if err := opt.SetMatchETag(o.ETag); err != nil {
			return nil, minio.ObjectInfo{}, fmt.Errorf("open %s/%s: %w", o.Bucket, o.Key, err)
		}
	}
	obj, err := s.client.GetObject(ctx, o.Bucket, o.Key, opt)
	if err != nil {
		return nil, minio.ObjectInfo{}, explain(o.Bucket, o.Key, err)
	}
	// GetObject is lazy: only this asks the server.
	info, err := obj.Stat()
	if err != nil {
		err = explain(o.Bucket, o.Key, err)
		if errors.Is(err, pipeline.ErrGone) {
			err = s.bucketOr(ctx, o.Bucket, err)
		}
		return nil, info, errors.Join(err, obj.Close())
	}
	return obj, info, nil
}

// bucketOr returns gone where the bucket is there. A server that answers HEAD has no room to say whether it is the
// object or its bucket that it does not find, and a bucket (a disk not mounted) may come back.
func (s *Store) bucketOr(ctx context.Context, bucket string, gone error) error {
	switch ok, err := s.client.BucketExists(ctx, bucket); {
	case err != nil:
		return fmt.Errorf("bucket %s: %w", bucket, err)
	case !ok:
		return fmt.Errorf("bucket %s is not there", bucket)
	}
	return gone
}

// object translates a listing's or a stat's answer.
func object(bucket string, i minio.ObjectInfo) pipeline.Object {
	meta := make(map[string]string, len(i.UserMetadata))
	for k, v := range i.UserMetadata {
		meta[strings.TrimPrefix(strings.ToLower(k), "x-amz-meta-")] = v
	}
	return pipeline.Object{Bucket: bucket, Key: i.Key, VersionID: i.VersionID, ETag: strings.Trim(i.ETag, `"`), Size: i.Size,
		LastModified: i.LastModified, UserMetadata: meta}
}

// explain tells what is gone from what cannot be reached.
func explain(bucket, key string, err error) error {
	var resp minio.ErrorResponse
	if errors.As(err, &resp) {
		switch resp.Code {
		case "NoSuchKey", "NoSuchVersion", "PreconditionFailed", "MethodNotAllowed":
			return fmt.Errorf("%s/%s: %w (%s)", bucket, key, pipeline.ErrGone, resp.Code)
		}
		if resp.StatusCode == http.StatusNotFound && resp.Code != "NoSuchBucket" {
			return fmt.Errorf("%s/%s: %w (%s)", bucket, key, pipeline.ErrGone, resp.Code)
		}
		if resp.StatusCode == http.StatusInternalServerError {
			return fmt.Errorf("%s/%s: %w: %w", bucket, key, custody.ErrUnreadable, err)
		}
	}
	return fmt.Errorf("%s/%s: %w", bucket, key, err)
}
