package embedded

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// pgVersion is an installed PostgreSQL.
type pgVersion struct {
	bin   string // directory with initdb and postgres
	major int
}

// minPostgres is the oldest major version the schema runs on.
const minPostgres = 14

const postgresMissing = "PostgreSQL's server programs (initdb, postgres) were not found in /usr/lib/postgresql/*/bin, on PATH or through pg_config: install them (Debian, Ubuntu: apt-get install postgresql) or use a running server with SPEECHQA_DATABASE_URL"

var majorPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// installedPostgres returns the versions on this machine, newest first.
func installedPostgres(ctx context.Context) ([]pgVersion, error) {
	var dirs []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, found...)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	return versionsIn(ctx, dirs)
}

// versionsIn returns the complete installations among the directories, newest first.
func versionsIn(ctx context.Context, dirs []string) ([]pgVersion, error) {
	seen := map[string]bool{}
	var versions []pgVersion
	for _, dir := range dirs {
		if seen[dir] || !executable(filepath.Join(dir, "initdb")) || !executable(filepath.Join(dir, "postgres")) {
			continue
		}
		seen[dir] = true
		out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
		if err != nil {
			return nil, fmt.Errorf("version of %s/postgres: %w", dir, err)
		}
		m := majorPattern.FindSubmatch(out)
		if m == nil {
			return nil, fmt.Errorf("version of %s/postgres: %q not understood", dir, out)
		}
		major, err := strconv.Atoi(string(m[1]))
		if err != nil {
			return nil, err
		}
		versions = append(versions, pgVersion{bin: dir, major: major})
	}
	if len(versions) == 0 {
		return nil, sentence(nil, postgresMissing)
	}
	sort.SliceStable(versions, func(i, j int) bool { return versions[i].major > versions[j].major })
	return versions, nil
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o111 != 0
}

// choosePostgres picks the version that made the data directory, or the newest for a new one (dataMajor 0).
func choosePostgres(versions []pgVersion, dataMajor int, dir string) (pgVersion, error) {
	if dataMajor == 0 {
		if versions[0].major < minPostgres {
			return pgVersion{}, sentence(nil, "PostgreSQL %d is too old: install version %d or newer", versions[0].major, minPostgres)
		}
		return versions[0], nil
	}
	var have []string
	for _, v := range versions {
		if v.major == dataMajor {
			return v, nil
		}
		have = append(have, strconv.Itoa(v.major))
	}
	return pgVersion{}, sentence(nil, "the data in %s was made by PostgreSQL %d but this machine has only %s: install postgresql-%d, or convert the data with pg_upgrade, or choose another --data-dir",
		dir, dataMajor, strings.Join(have, ", "), dataMajor)
}
