package discovery

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/tags"

	"github.com/speechqa/speechqa/pipeline/meta"
	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/objects"
)

// TestDescribe asks an S3 store about a recording of which all four places tell: tags and user metadata, the JSON
// beside it, the manifest, the key. The order of trust is that, and contradictions are noted.
func TestDescribe(t *testing.T) {
	const bucket, key = "calls", "in/call/2026/03/02/1023_20260302T101530_13800138000_C1.wav"
	server, err := embedded.StartS3(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	store, err := objects.Open(objects.Config{Endpoint: "http://" + server.Endpoint, AccessKey: server.AccessKey,
		SecretKey: server.SecretKey, Region: server.Region, Style: "path"})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.EnsureBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	put := func(key, body string, known map[string]string) {
		t.Helper()
		if _, err := store.Put(t.Context(), bucket, key, strings.NewReader(body), int64(len(body)), objects.PutOptions{Metadata: known}); err != nil {
			t.Fatal(err)
		}
	}
	put(key, "sound", map[string]string{"relation": "spouse"})
	put(strings.TrimSuffix(key, ".wav")+".json", `{"case_id":"C2","relation":"friend","principal":"华远银行"}`, nil)
	client, err := minio.New(server.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""), Region: server.Region})
	if err != nil {
		t.Fatal(err)
	}
	team, err := tags.NewTags(map[string]string{"team": "M3"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.PutObjectTagging(t.Context(), bucket, key, team, minio.PutObjectTaggingOptions{}); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(list, []byte("录音文件,案件号,通话时长,坐席姓名\n"+filepath.Base(key)+",C3,00:01:40,李强\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pattern, err := meta.ParsePattern(meta.DefaultPattern)
	if err != nil {
		t.Fatal(err)
	}
	d := New(Config{Bucket: store, Resolver: meta.Resolver{Pattern: pattern}, Manifest: meta.NewManifestFile(list, nil)})
	object, err := store.Stat(t.Context(), bucket, key)
	if err != nil {
		t.Fatal(err)
	}
	found, err := d.describe(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	m := found.Metadata
	if m.Relation != "spouse" || m.Team != "M3" || m.CaseID != "C2" || m.Principal != "华远银行" || m.AgentName != "李强" ||
		m.Duration != 100 || m.AgentID != "1023" || m.Phone != "13800138000" {
		t.Errorf("metadata %+v", m)
	}
	if len(found.Notes) != 3 { // relation; the case twice
		t.Errorf("notes %q", found.Notes)
	}
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	if _, err := d.describe(t.Context(), object); err == nil {
		t.Error("taken in without the manifest that is configured")
	}
}
