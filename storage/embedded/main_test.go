package embedded

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		if err := help(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		select {} // until killed
	}
	os.Exit(m.Run())
}

// help starts a server as a parent that is going to be killed and prints the server's process id.
func help(what, dir string) error {
	ctx := context.Background()
	o := Options{Dir: dir}
	switch what {
	case "postgres":
		p, err := StartPostgres(ctx, o)
		if err != nil {
			return err
		}
		conn, err := pgx.Connect(ctx, p.URL())
		if err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, `CREATE TABLE kept AS SELECT 7 AS v`); err != nil {
			return err
		}
		fmt.Println(p.PID())
	case "redis":
		r, err := StartRedis(ctx, o)
		if err != nil {
			return err
		}
		fmt.Println(r.PID())
	case "s3":
		s, err := StartS3(ctx, o)
		if err != nil {
			return err
		}
		fmt.Println(s.PID())
	}
	return nil
}
