package objects_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// What the store is asked to encrypt does not lie readable on its disk, and is read as it was written.
func TestServerSideEncryption(t *testing.T) {
	cfg, disk := storagetest.EncryptingMinIO(t)
	said := bytes.Repeat([]byte("我欠了多少钱, how much do I owe? "), 20_000) // too large to lie beside its description
	for _, c := range []struct {
		how      string
		readable bool
	}{{"off", true}, {"s3", false}, {"kms:" + storagetest.MinIOKey, false}} {
		cfg.Encrypt = c.how
		s, err := objects.Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		bucket := "b" + c.how[:2]
		if err := s.EnsureLockedBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
		put, err := s.Put(t.Context(), bucket, "put.wav", bytes.NewReader(said), int64(len(said)), objects.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		streamed, err := s.PutStream(t.Context(), bucket, "streamed.wav", bytes.NewReader(said), int64(len(said)))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []struct{ key, etag string }{{"put.wav", put.ETag}, {"streamed.wav", streamed.ETag}} {
			now, err := s.Stat(t.Context(), bucket, o.key)
			if err != nil || now.ETag != o.etag {
				t.Errorf("%s %s: the ETag is %s, was %s when written (%v)", c.how, o.key, now.ETag, o.etag, err)
			}
			body, err := s.Open(t.Context(), now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(body)
			body.Close()
			if err != nil || !bytes.Equal(got, said) {
				t.Errorf("%s %s: %d bytes came back (%v)", c.how, o.key, len(got), err)
			}
		}
		listed, err := s.List(t.Context(), bucket, "", "", 10)
		if err != nil || len(listed) != 2 || listed[0].ETag != put.ETag {
			t.Errorf("%s: the listing has %v (%v), written was %s", c.how, listed, err, put.ETag)
		}
		if readable := storagetest.Contains(t, disk+"/"+bucket, []byte("how much do I owe?")); readable != c.readable {
			t.Errorf("%s: readable on the disk: %v", c.how, readable)
		}
	}
	cfg.Encrypt = "rot13"
	if _, err := objects.Open(cfg); err == nil {
		t.Error("an unknown way was taken")
	}
}
