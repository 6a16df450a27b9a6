package discovery

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/speechqa/speechqa/pipeline"
)

// maxNotice bounds one notification's body, in bytes.
const maxNotice = 1 << 20

// notice is what S3 servers send: the event's name and where it happened.
type notice struct {
	Records []struct {
		EventName string `json:"eventName"`
		S3        struct {
			Bucket struct {
				Name string `json:"name"`
			} `json:"bucket"`
			Object struct {
				Key string `json:"key"` // URL-encoded
			} `json:"object"`
		} `json:"s3"`
	} `json:"Records"`
}

// Webhook receives bucket notifications. The sender must present the token as "Authorization: Bearer TOKEN"; a
// notification only says where to look, so a forged one could do no more than cause a look. A failure is
// answered with 503, so that the sender keeps the notification and tries again.
func (d *Discoverer) Webhook(token string) http.Handler {
	want := sha256.Sum256([]byte("Bearer " + token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		switch {
		case subtle.ConstantTimeCompare(got[:], want[:]) != 1:
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
			return
		case r.Method == http.MethodHead || r.Method == http.MethodGet:
			w.WriteHeader(http.StatusOK) // MinIO asks whether the target is there
			return
		case r.Method != http.MethodPost:
			http.Error(w, "POST a notification", http.StatusMethodNotAllowed)
			return
		}
		var n notice
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxNotice)).Decode(&n); err != nil {
			http.Error(w, "not a notification", http.StatusBadRequest)
			return
		}
		if err := d.notified(r, n); err != nil {
			d.cfg.Log.Error("notification", "error", err)
			http.Error(w, "try again later", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// notified takes in the objects that a notification tells of.
func (d *Discoverer) notified(r *http.Request, n notice) error {
	var objects []pipeline.Object
	for _, rec := range n.Records {
		if !strings.HasPrefix(strings.TrimPrefix(rec.EventName, "s3:"), "ObjectCreated:") {
			continue
		}
		key, err := url.QueryUnescape(rec.S3.Object.Key)
		if err != nil {
			return fmt.Errorf("key %q: %w", rec.S3.Object.Key, err)
		}
		bucket := rec.S3.Bucket.Name
		if !d.watches(bucket, key) {
			continue
		}
		o, err := d.cfg.Bucket.Stat(r.Context(), bucket, key)
		if errors.Is(err, pipeline.ErrGone) {
			continue
		}
		if err != nil {
			return fmt.Errorf("stat %s/%s: %w", bucket, key, err)
		}
		objects = append(objects, o)
	}
	t, err := d.take(r.Context(), objects)
	if d.cfg.Observe != nil {
		d.cfg.Observe(t)
	}
	return err
}

// watches says whether an object lies in one of the places.
func (d *Discoverer) watches(bucket, key string) bool {
	for _, p := range d.cfg.Places {
		if p.Bucket == bucket && strings.HasPrefix(key, p.Prefix) {
			return true
		}
	}
	return false
}
