package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// majorOf returns the version that made the data directory, 0 where there is none yet.
func majorOf(data string) (int, error) {
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read version of data directory: %w", err)
	}
	v := strings.TrimSpace(string(b))
	major, err := strconv.Atoi(strings.SplitN(v, ".", 2)[0])
	if err != nil {
		return 0, sentence(err, "the data directory %s names no PostgreSQL version: move it away and start again", data)
	}
	return major, nil
}

// initPostgres makes a data directory beside its final place and renames it there when complete, so that an
// interrupted initdb is simply begun again.
func initPostgres(ctx context.Context, v pgVersion, who account, o Options, data, password string) error {
	building := data + ".new"
	if err := os.RemoveAll(building); err != nil {
		return fmt.Errorf("remove half-made data directory: %w", err)
	}
	if err := os.Mkdir(building, 0o700); err != nil {
		return sentence(err, "cannot write to %s: make it writable or choose another --data-dir", o.Dir)
	}
	if err := who.own(building); err != nil {
		return err
	}
	attr, err := who.attributes(building)
	if err != nil {
		return err
	}
	// initdb reads the password as the server's user: through a descriptor, so no file is opened to that user.
	secret, err := passwordPipe(password, who)
	if err != nil {
		return err
	}
	defer secret.Close()
	args := []string{"-D", building, "-U", pgUser, "--pwfile=/dev/stdin", "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"}
	if o.Volatile {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(v.bin, "initdb"), args...)
	cmd.Stdin, cmd.Dir, cmd.Env, cmd.SysProcAttr = secret, "/", serverEnv(), attr
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb in %s: %w: %s", building, err, strings.TrimSpace(string(out)))
	}
	if err := os.Rename(building, data); err != nil {
		return fmt.Errorf("put new data directory in place: %w", err)
	}
	return nil
}

func passwordPipe(password string, reader account) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = w.WriteString(password + "\n") // far below the pipe's capacity: does not block
	err = errors.Join(err, w.Close())
	if reader.uid != os.Geteuid() {
		err = errors.Join(err, r.Chown(reader.uid, reader.gid)) // initdb opens it by name
	}
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("hand password to initdb: %w", err)
	}
	return r, nil
}
