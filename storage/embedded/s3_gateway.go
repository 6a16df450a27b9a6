package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

const (
	// gatewayEnv turns this binary into the object store; see init.
	gatewayEnv = "SPEECHQA_EMBEDDED_OBJECT_STORE"
	// gatewayHealth is no possible bucket name.
	gatewayHealth = "/_health"
)

// gatewayConfig travels on the child's standard input, so that the secret is in no environment or command line.
type gatewayConfig struct {
	Dir, Listen, AccessKey, SecretKey, Region, WebhookURL string
}

// init makes any binary with this package the object store when it is started as such by StartS3: the program
// and every test binary can then be its own store, without a second executable to install.
func init() {
	if os.Getenv(gatewayEnv) == "" {
		return
	}
	if err := serveGateway(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "object store:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveGateway(stdin io.Reader) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	dec := json.NewDecoder(stdin)
	var c gatewayConfig
	if err := dec.Decode(&c); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	go func() { // the owner holds the other end: its end is ours
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	storer, sidecar, err := metadataStore(c.Dir)
	if err != nil {
		return err
	}
	opts := posix.PosixOpts{VersioningDir: filepath.Join(c.Dir, "versions"), SideCarDir: sidecar}
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	backend, err := posix.New(filepath.Join(c.Dir, "objects"), storer, opts)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	err = embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
		RootUserAccess: c.AccessKey, RootUserSecret: c.SecretKey, Region: c.Region,
		Ports: []string{c.Listen}, MaxConnections: 4096, MaxRequests: 1024, MultipartMaxParts: 10000,
		Quiet: true, KeepAlive: true, DisableACLs: true, HealthPath: gatewayHealth,
		EventWebhookURL: c.WebhookURL,
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// metadataStore keeps objects' metadata in extended attributes, or in files where the file system has none. The
// choice is made once per directory, because data written one way is not found the other way.
func metadataStore(dir string) (meta.MetadataStorer, string, error) {
	marker := filepath.Join(dir, "metadata", ".in-files")
	sidecar := filepath.Join(dir, "metadata")
	_, err := os.Stat(marker)
	inFiles := err == nil
	if !inFiles {
		inFiles = syscall.Setxattr(filepath.Join(dir, "objects"), "user.speechqa", []byte("1"), 0) != nil
		if inFiles {
			if err := os.WriteFile(marker, nil, 0o600); err != nil {
				return nil, "", fmt.Errorf("mark metadata as kept in files: %w", err)
			}
		}
	}
	if !inFiles {
		return meta.XattrMeta{}, "", nil
	}
	store, err := meta.NewSideCar(sidecar)
	if err != nil {
		return nil, "", fmt.Errorf("open metadata directory: %w", err)
	}
	return store, sidecar, nil
}
