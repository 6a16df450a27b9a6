package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
)

// backupPrefix is where backups lie in the second store's bucket: no bucket is called so, hence no copy is below it.
const backupPrefix = "_backups/"

// backupShelf is the place of backups in the second store.
type backupShelf struct {
	store  *objects.Store
	bucket string
	mode   custody.LockMode
}

func openShelf(second copySettings, keep custodySettings) (*backupShelf, error) {
	store, err := openObjects(second.objectSettings)
	if err != nil {
		return nil, err
	}
	return &backupShelf{store, second.bucket(), keep.Mode}, nil
}

// put writes a dump and its list, the list last, reads each back against its hash, and locks them where the bucket locks.
func (s *backupShelf) put(ctx context.Context, file string, until time.Time) error {
	l, err := s.store.Locking(ctx, s.bucket)
	if err != nil {
		return err
	}
	for _, name := range []string{file, file + ".json"} {
		if err := s.putOne(ctx, name, until, l.Locks); err != nil {
			return fmt.Errorf("write the backup to the second store: %w", err)
		}
	}
	return nil
}

func (s *backupShelf) putOne(ctx context.Context, name string, until time.Time, locks bool) error {
	sum, err := hashFile(name)
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	o, err := s.store.PutStream(ctx, s.bucket, backupPrefix+filepath.Base(name), f, st.Size())
	if err != nil {
		return err
	}
	switch back, err := custody.HashOf(ctx, s.store, o); {
	case err != nil:
		return err
	case back != sum:
		return fmt.Errorf("the second store gave back other bytes than it was given: SHA-256 %s, not %s", back, sum)
	}
	if !locks {
		return nil
	}
	return s.store.Retain(ctx, o, until, s.mode)
}

// list gives every version of every backup that is whole, the newest first: a dump with the list that was written after it.
func (s *backupShelf) list(ctx context.Context) ([]shelved, error) {
	found, err := s.store.Versions(ctx, s.bucket, backupPrefix)
	if err != nil {
		return nil, err
	}
	byName := map[string]pipeline.Object{}
	for _, o := range found {
		if was, ok := byName[o.Key]; !ok || o.LastModified.After(was.LastModified) {
			byName[o.Key] = o
		}
	}
	var out []shelved
	for key, o := range byName {
		if beside, ok := byName[key+".json"]; ok {
			out = append(out, shelved{strings.TrimPrefix(key, backupPrefix), o, beside})
		}
	}
	slices.SortFunc(out, func(a, b shelved) int { return strings.Compare(b.name, a.name) })
	return out, nil
}

// shelved is a backup in the second store; names sort by time.
type shelved struct {
	name       string
	dump, list pipeline.Object
}

// prune removes the oldest beyond the number to be kept; those still locked stay. It returns how many went and stayed.
func (s *backupShelf) prune(ctx context.Context, number int, now time.Time) (removed, locked int, err error) {
	all, err := s.list(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, b := range all[min(number, len(all)):] {
		kept, err := s.store.Kept(ctx, b.dump)
		if err != nil && !errors.Is(err, pipeline.ErrGone) {
			return removed, locked, err
		}
		if kept.Held || now.Before(kept.Until) {
			locked++
			continue
		}
		for _, o := range []pipeline.Object{b.list, b.dump} { // without its list a dump does not count
			if err := s.store.Remove(ctx, o); err != nil {
				return removed, locked, fmt.Errorf("remove backup %s: %w", b.name, err)
			}
		}
		removed++
	}
	return removed, locked, nil
}

// fetch brings a backup into dir, the newest where name is empty, and returns the dump's path.
func (s *backupShelf) fetch(ctx context.Context, name, dir string) (string, error) {
	all, err := s.list(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, func(b shelved) bool { return name == "" || b.name == name })
	if i < 0 {
		return "", fmt.Errorf("there is no backup %s in the second store's bucket %s", name, s.bucket)
	}
	path := filepath.Join(dir, all[i].name)
	for to, o := range map[string]pipeline.Object{path: all[i].dump, path + ".json": all[i].list} {
		if err := s.fetchOne(ctx, o, to); err != nil {
			return "", err
		}
	}
	return path, nil
}

func (s *backupShelf) fetchOne(ctx context.Context, o pipeline.Object, to string) (err error) {
	body, err := s.store.Open(ctx, o)
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	return errors.Join(err, f.Close())
}
