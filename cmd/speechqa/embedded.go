package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hibiken/asynq"

	"github.com/speechqa/speechqa/storage/embedded"
)

// services says where the three services are that the system runs on.
type services struct {
	DatabaseURL string // with the application's role
	Redis       asynq.RedisConnOpt
	Objects     objectSettings
	Copies      copySettings
}

// office is PostgreSQL, Redis and one or two object stores as children of this process.
type office struct {
	services
	pg     *embedded.Postgres
	redis  *embedded.Redis
	s3     *embedded.S3
	second *embedded.S3 // nil without a directory for second copies
}

// startOffice starts them below dir, and where copies name a directory, a second store there. When it fails, nothing is
// left running.
func startOffice(ctx context.Context, dir string, copies copySettings, log *slog.Logger) (_ *office, err error) {
	o := &office{}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.stop())
		}
	}()
	in := func(name string) embedded.Options { return embedded.Options{Dir: filepath.Join(dir, name), Log: log} }
	if o.pg, err = embedded.StartPostgres(ctx, in("postgres")); err != nil {
		return nil, err
	}
	if o.redis, err = embedded.StartRedis(ctx, in("redis")); err != nil {
		return nil, err
	}
	if o.s3, err = embedded.StartS3(ctx, in("objects")); err != nil {
		return nil, err
	}
	app, err := o.pg.AppURL()
	if err != nil {
		return nil, err
	}
	redis, err := asynq.ParseRedisURI(o.redis.URL())
	if err != nil {
		return nil, fmt.Errorf("address of the embedded Redis: %w", err)
	}
	o.services = services{DatabaseURL: app, Redis: redis, Objects: embeddedStore(o.s3, "recordings"), Copies: copies}
	if copies.Dir != "" {
		if o.second, err = embedded.StartS3(ctx, embedded.Options{Dir: copies.Dir, Log: log}); err != nil {
			return nil, err
		}
		o.Copies.objectSettings, o.Copies.Name = embeddedStore(o.second, "copies"), copies.Dir
	}
	return o, nil
}

func embeddedStore(s *embedded.S3, bucket string) objectSettings {
	return objectSettings{Endpoint: "http://" + s.Endpoint, AccessKey: s.AccessKey, SecretKey: s.SecretKey, Region: s.Region, Style: "path",
		Places: []bucketPrefix{{Bucket: bucket}}}
}

// watch returns an error as soon as one of them has ended by itself, or nil when ctx ends.
func (o *office) watch(ctx context.Context) error {
	var what string
	var second <-chan struct{} // never, without a second store
	if o.second != nil {
		second = o.second.Done()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-o.pg.Done():
		what = "PostgreSQL"
	case <-o.redis.Done():
		what = "Redis"
	case <-o.s3.Done():
		what = "the object store"
	case <-second:
		what = "the second object store"
	}
	return fmt.Errorf("%s ended unexpectedly; its log is in the data directory. Start again: nothing is lost", what)
}

// stop ends them in reverse order.
func (o *office) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	if o.second != nil {
		errs = append(errs, o.second.Stop(ctx))
	}
	if o.s3 != nil {
		errs = append(errs, o.s3.Stop(ctx))
	}
	if o.redis != nil {
		errs = append(errs, o.redis.Stop(ctx))
	}
	if o.pg != nil {
		errs = append(errs, o.pg.Stop(ctx))
	}
	return errors.Join(errs...)
}

// defaultDataDir is where the demo keeps its data: the user's data directory.
func defaultDataDir(env func(string) string) (string, error) {
	if d := env("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "speechqa", "demo"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory; choose a place with --data-dir: %w", err)
	}
	return filepath.Join(home, ".local", "share", "speechqa", "demo"), nil
}
