package objects_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/storagetest"
)

const bucket = "recordings"

// servers are those the program is meant for.
var servers = map[string]func(testing.TB) objects.Config{
	"embedded": storagetest.S3,
	"minio":    func(t testing.TB) objects.Config { return storagetest.MinIO(t, "", "") },
}

// The same suite on every server the program is meant for.
func TestConformance(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := start(t)
			s := storagetest.Objects(t, cfg, bucket, "versioned")
			t.Run("buckets", func(t *testing.T) { testBuckets(t, s) })
			t.Run("put and open", func(t *testing.T) { testPutOpen(t, s) })
			t.Run("seek", func(t *testing.T) { testSeek(t, s) })
			t.Run("list", func(t *testing.T) { testList(t, s) })
			t.Run("tags", func(t *testing.T) { testTags(t, cfg, s) })
			t.Run("gone", func(t *testing.T) { testGone(t, cfg, s) })
			t.Run("rewritten", func(t *testing.T) { testRewritten(t, s) })
			t.Run("versions", func(t *testing.T) { testVersions(t, cfg, s) })
			t.Run("bad store", func(t *testing.T) { testBadStore(t, cfg) })
		})
	}
}

func put(t *testing.T, s *objects.Store, bucket, key string, content []byte, meta map[string]string) pipeline.Object {
	t.Helper()
	o, err := s.Put(t.Context(), bucket, key, bytes.NewReader(content), int64(len(content)), objects.PutOptions{ContentType: "audio/wav", Metadata: meta})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func read(t *testing.T, s *objects.Store, o pipeline.Object) ([]byte, error) {
	t.Helper()
	body, err := s.Open(t.Context(), o)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// client is a plain client for what the store has no method for.
func client(t *testing.T, cfg objects.Config) *minio.Client {
	t.Helper()
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""), Region: cfg.Region})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testBuckets(t *testing.T, s *objects.Store) {
	if err := s.EnsureBucket(t.Context(), bucket); err != nil {
		t.Errorf("a bucket that is there: %v", err)
	}
	for name, want := range map[string]bool{bucket: true, "not-there": false} {
		if ok, err := s.BucketExists(t.Context(), name); ok != want || err != nil {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
}

func testPutOpen(t *testing.T, s *objects.Store) {
	for name, content := range map[string][]byte{
		"空 格+&%2F.wav": []byte("name"),
		"empty.wav":    {},
		"large.wav":    bytes.Repeat([]byte("0123456789abcdef"), 1<<18),
	} {
		key := "put/" + name
		o := put(t, s, bucket, key, content, map[string]string{"agent_id": "a1"})
		got, err := read(t, s, o)
		if err != nil || sha256.Sum256(got) != sha256.Sum256(content) {
			t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(content), err)
		}
		st, err := s.Stat(t.Context(), bucket, key)
		if err != nil || st.Size != int64(len(content)) || st.ETag != o.ETag || st.UserMetadata["agent_id"] != "a1" || st.LastModified.IsZero() || st.Key != key {
			t.Errorf("%s: stat %+v, %v; put said %+v", name, st, err, o)
		}
	}
}

func testSeek(t *testing.T, s *objects.Store) {
	o := put(t, s, bucket, "seek.wav", []byte("0123456789"), nil)
	f, err := s.OpenSeeker(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if at, err := f.Seek(-3, io.SeekEnd); at != 7 || err != nil {
		t.Fatal(at, err)
	}
	if b, err := io.ReadAll(f); string(b) != "789" || err != nil {
		t.Errorf("%q %v", b, err)
	}
}

func testList(t *testing.T, s *objects.Store) {
	var want []string
	for i := range 25 {
		key := fmt.Sprintf("list/%02d/录音.wav", i)
		put(t, s, bucket, key, []byte{byte(i)}, nil)
		want = append(want, key)
	}
	put(t, s, bucket, "listed/no.wav", []byte("x"), nil)
	for _, size := range []int{1, 7, 25, 1000} {
		var got []string
		after := ""
		for {
			page, err := s.List(t.Context(), bucket, "list/", after, size)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page {
				got = append(got, o.Key)
				if o.Bucket != bucket || o.ETag == "" || strings.Contains(o.ETag, `"`) || o.Size != 1 || o.LastModified.IsZero() {
					t.Fatalf("listed as %+v", o)
				}
			}
			if len(page) < size {
				break
			}
			after = page[len(page)-1].Key
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v", size, got)
		}
	}
	if page, err := s.List(t.Context(), bucket, "nothing/", "", 10); len(page) != 0 || err != nil {
		t.Error(page, err)
	}
	if _, err := s.List(t.Context(), "not-there", "", "", 10); err == nil {
		t.Error("a bucket that is not there was listed")
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.List(stopped, bucket, "list/", "", 10); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

func testTags(t *testing.T, cfg objects.Config, s *objects.Store) {
	content := []byte("tagged")
	_, err := client(t, cfg).PutObject(t.Context(), bucket, "tagged.wav", bytes.NewReader(content), int64(len(content)),
		minio.PutObjectOptions{UserTags: map[string]string{"team": "north"}, UserMetadata: map[string]string{"Agent_id": "a7"}, SendContentMd5: true})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Stat(t.Context(), bucket, "tagged.wav")
	if err != nil || o.UserMetadata["team"] != "north" || o.UserMetadata["agent_id"] != "a7" {
		t.Errorf("%+v %v", o, err)
	}
}

func testGone(t *testing.T, cfg objects.Config, s *objects.Store) {
	o := put(t, s, bucket, "gone.wav", []byte("x"), nil)
	if err := client(t, cfg).RemoveObject(t.Context(), bucket, "gone.wav", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, s, o); !errors.Is(err, pipeline.ErrGone) {
		t.Errorf("open: %v", err)
	}
	if _, err := s.Stat(t.Context(), bucket, "gone.wav"); !errors.Is(err, pipeline.ErrGone) {
		t.Errorf("stat: %v", err)
	}
	// A bucket that is away may come back: that is no lost recording.
	if _, err := s.Stat(t.Context(), "not-there", "x"); err == nil {
		t.Error("stat in a bucket that is not there")
	}
	if _, err := s.Open(t.Context(), pipeline.Object{Bucket: "not-there", Key: "x"}); err == nil || errors.Is(err, pipeline.ErrGone) {
		t.Errorf("open in a bucket that is not there: %v", err)
	}
}

// Without versions, an object that was replaced is not handed out as the old one.
func testRewritten(t *testing.T, s *objects.Store) {
	old := put(t, s, bucket, "rewritten.wav", []byte("old"), nil)
	now := put(t, s, bucket, "rewritten.wav", []byte("new"), nil)
	if _, err := read(t, s, old); !errors.Is(err, pipeline.ErrGone) {
		t.Errorf("the old one: %v", err)
	}
	if b, err := read(t, s, now); string(b) != "new" || err != nil {
		t.Errorf("the new one: %q %v", b, err)
	}
}

func testVersions(t *testing.T, cfg objects.Config, s *objects.Store) {
	c := client(t, cfg)
	if err := c.EnableVersioning(t.Context(), "versioned"); err != nil {
		t.Fatal(err)
	}
	old, now := put(t, s, "versioned", "1.wav", []byte("old"), nil), put(t, s, "versioned", "1.wav", []byte("new"), nil)
	if old.VersionID == "" || old.VersionID == now.VersionID {
		t.Fatalf("versions %q and %q", old.VersionID, now.VersionID)
	}
	for want, o := range map[string]pipeline.Object{"old": old, "new": now} {
		if b, err := read(t, s, o); string(b) != want || err != nil {
			t.Errorf("%s: %q %v", want, b, err)
		}
	}
	if st, err := s.Stat(t.Context(), "versioned", "1.wav"); err != nil || st.VersionID != now.VersionID {
		t.Errorf("stat: %+v %v", st, err)
	}
	if err := c.RemoveObject(t.Context(), "versioned", "1.wav", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if b, err := read(t, s, old); string(b) != "old" || err != nil {
		t.Errorf("the old version behind a delete marker: %q %v", b, err)
	}
	if _, err := s.Stat(t.Context(), "versioned", "1.wav"); !errors.Is(err, pipeline.ErrGone) {
		t.Errorf("stat of a deleted object: %v", err)
	}
}

// badly is a reverse proxy before the store that does harm to answers with bodies.
func badly(t *testing.T, cfg objects.Config, harm func(*http.Response) error) objects.Config {
	t.Helper()
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		// Signatures are over the host, which stays the store's.
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host },
		ModifyResponse: harm,
	}
	srv := httptest.NewServer(proxy)
	t.Cleanup(srv.Close)
	cfg.Endpoint = srv.URL
	return cfg
}

func testBadStore(t *testing.T, cfg objects.Config) {
	content := bytes.Repeat([]byte("sound"), 100_000)
	o := put(t, storagetest.Objects(t, cfg), bucket, "fragile.wav", content, nil)
	for name, tc := range map[string]struct {
		harm func(*http.Response) error
		want error // nil: any
	}{
		"wrong bytes": {func(r *http.Response) error {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("S"), &skip{r: r.Body, n: 1}))
			return nil
		}, objects.ErrWrongBytes},
		"cut": {func(r *http.Response) error { r.Body = io.NopCloser(io.LimitReader(r.Body, 1000)); return nil }, nil},
		"503": {func(r *http.Response) error { r.StatusCode = http.StatusServiceUnavailable; return nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := storagetest.Objects(t, badly(t, cfg, func(r *http.Response) error {
				if r.Request.Method == http.MethodGet {
					return tc.harm(r)
				}
				return nil
			}))
			got, err := read(t, s, o)
			if err == nil || errors.Is(err, pipeline.ErrGone) || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("%d of %d bytes: %v", len(got), len(content), err)
			}
		})
	}
}

// skip drops the first n bytes.
type skip struct {
	r io.Reader
	n int64
}

func (s *skip) Read(p []byte) (int, error) {
	if s.n > 0 {
		if _, err := io.CopyN(io.Discard, s.r, s.n); err != nil {
			return 0, err
		}
		s.n = 0
	}
	return s.r.Read(p)
}

func TestOpenSentences(t *testing.T) {
	for name, cfg := range map[string]objects.Config{
		"no URL": {Endpoint: "minio:9000"}, "no CA": {Endpoint: "https://minio", CA: "/not/there.pem"}, "empty": {},
	} {
		if _, err := objects.Open(cfg); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}
