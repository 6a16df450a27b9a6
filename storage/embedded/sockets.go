package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// maxSocketDir leaves room for a socket's name within the 107 bytes the kernel allows a path.
const maxSocketDir = 80

// socketDir makes a private directory for a server's unix socket: inside dir where the path is short enough and
// open to the account, else under the temporary directory with a name derived from dir.
func socketDir(dir string, a account) (string, error) {
	path := filepath.Join(dir, "run")
	if len(path) > maxSocketDir || a.closedParent(path) != "" {
		sum := sha256.Sum256([]byte(dir))
		path = filepath.Join(os.TempDir(), "speechqa-"+hex.EncodeToString(sum[:6]))
		if len(path) > maxSocketDir {
			path = filepath.Join("/tmp", filepath.Base(path))
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !os.IsExist(err) {
		return "", fmt.Errorf("make socket directory: %w", err)
	}
	// The name is guessable and the place may be public: somebody else's directory or a link is not used.
	st, err := os.Lstat(path)
	if err != nil {
		return "", fmt.Errorf("look at socket directory: %w", err)
	}
	owner := int(st.Sys().(*syscall.Stat_t).Uid)
	if !st.IsDir() || (owner != a.uid && owner != os.Geteuid()) {
		return "", sentence(nil, "%s belongs to somebody else: remove it and start again", path)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return "", fmt.Errorf("close socket directory: %w", err)
	}
	return path, a.own(path)
}
