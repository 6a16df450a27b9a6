package embedded

import (
	"context"
	"path/filepath"
)

// Tool is the path of a program that comes with PostgreSQL, such as pg_dump, of the newest version on this machine.
func Tool(ctx context.Context, name string) (string, error) {
	versions, err := installedPostgres(ctx)
	if err != nil {
		return "", err
	}
	path := filepath.Join(versions[0].bin, name)
	if !executable(path) {
		return "", sentence(nil, "%s is missing beside PostgreSQL's other programs: install them (Debian, Ubuntu: apt-get install postgresql)", path)
	}
	return path, nil
}
