package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Playlist is a course: clips in an order.
type Playlist struct {
	ID        string
	Title     string
	Note      string
	By        string // display name of who made it
	CreatedAt time.Time
	Clips     int     // in the scope
	Seconds   float64 // how long they are together
}

// playlistsSQL counts only clips whose recordings lie in a scope, whose condition goes where %s is.
const playlistsSQL = `SELECT p.id::text, p.title, p.note, u.display_name, p.created_at, count(r.id)::int, coalesce(sum(c.to_at - c.from_at) FILTER (WHERE r.id IS NOT NULL), 0)
	FROM playlists p JOIN users u ON u.id = p.created_by
		LEFT JOIN playlist_clips pc ON pc.playlist = p.id LEFT JOIN clips c ON c.id = pc.clip
		LEFT JOIN recordings r ON r.id = c.recording AND %s
	WHERE %s GROUP BY p.id, u.id ORDER BY p.created_at DESC, p.id`

func scanPlaylist(row pgx.CollectableRow) (p Playlist, err error) {
	err = row.Scan(&p.ID, &p.Title, &p.Note, &p.By, &p.CreatedAt, &p.Clips, &p.Seconds)
	return p, err
}

// Playlists gives all playlists, the newest first.
func (s *Store) Playlists(ctx context.Context, sc Scope) ([]Playlist, error) {
	var args []any
	rows, err := s.pool.Query(ctx, fmt.Sprintf(playlistsSQL, sc.sql("r", &args), "true"), args...)
	if err != nil {
		return nil, fmt.Errorf("read playlists: %w", err)
	}
	all, err := pgx.CollectRows(rows, scanPlaylist)
	if err != nil {
		return nil, fmt.Errorf("read playlists: %w", err)
	}
	return all, nil
}

// Playlist gives one playlist with its clips in the scope, in their order; ErrNotFound when there is none.
func (s *Store) Playlist(ctx context.Context, sc Scope, id string) (Playlist, []Clip, error) {
	args := []any{id}
	in := sc.sql("r", &args)
	rows, err := s.pool.Query(ctx, fmt.Sprintf(playlistsSQL, in, "p.id = $1"), args...)
	if err != nil {
		return Playlist{}, nil, fmt.Errorf("read playlist: %w", err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPlaylist)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, nil, ErrNotFound
	}
	if err != nil {
		return p, nil, fmt.Errorf("read playlist: %w", err)
	}
	rows, err = s.pool.Query(ctx, `SELECT `+clipColumns+` FROM `+clipTables+` JOIN playlist_clips p ON p.clip = c.id
		WHERE p.playlist = $1 AND `+in+` ORDER BY p.place, c.id`, args...)
	if err != nil {
		return p, nil, fmt.Errorf("read playlist: %w", err)
	}
	clips, err := pgx.CollectRows(rows, scanClip)
	if err != nil {
		return p, nil, fmt.Errorf("read playlist: %w", err)
	}
	return p, clips, nil
}

// CreatePlaylist makes a playlist and returns its id.
func (s *Store) CreatePlaylist(ctx context.Context, title, note string, who AuditEntry) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO playlists (title, note, created_by) VALUES ($1, $2, $3) RETURNING id::text`,
			text(title), text(note), who.Actor).Scan(&id)
		if err != nil {
			return fmt.Errorf("make playlist: %w", err)
		}
		return audited(ctx, tx, who, "playlist.made", "playlist:"+id, map[string]any{"title": text(title)})
	})
	return id, err
}

// ChangePlaylist gives a playlist another title and note; ErrNotFound when there is none.
func (s *Store) ChangePlaylist(ctx context.Context, id, title, note string, who AuditEntry) error {
	return s.changePlaylist(ctx, id, who, "playlist.changed", map[string]any{"title": text(title)}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE playlists SET title = $2, note = $3 WHERE id = $1`, id, text(title), text(note))
		return err
	})
}

// DeletePlaylist removes a playlist, not its clips; ErrNotFound when there is none.
func (s *Store) DeletePlaylist(ctx context.Context, id string, who AuditEntry) error {
	return s.changePlaylist(ctx, id, who, "playlist.deleted", map[string]any{}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM playlists WHERE id = $1`, id)
		return err
	})
}

// AddToPlaylist puts a clip of the scope at the end; one that is there already stays where it is.
func (s *Store) AddToPlaylist(ctx context.Context, sc Scope, id, clip string, who AuditEntry) error {
	return s.changePlaylist(ctx, id, who, "playlist.changed", map[string]any{"added": clip}, func(tx pgx.Tx) error {
		args := []any{id, clip}
		tag, err := tx.Exec(ctx, `INSERT INTO playlist_clips (playlist, clip, place)
			SELECT $1, c.id, coalesce((SELECT max(place) + 1 FROM playlist_clips WHERE playlist = $1), 1)
			FROM clips c JOIN recordings r ON r.id = c.recording WHERE c.id = $2 AND `+sc.sql("r", &args)+`
			ON CONFLICT (playlist, clip) DO UPDATE SET place = playlist_clips.place`, args...)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return err
	})
}

// RemoveFromPlaylist takes a clip of the scope out of a playlist; ErrNotFound when it is not in it.
func (s *Store) RemoveFromPlaylist(ctx context.Context, sc Scope, id, clip string, who AuditEntry) error {
	return s.changePlaylist(ctx, id, who, "playlist.changed", map[string]any{"removed": clip}, func(tx pgx.Tx) error {
		args := []any{id, clip}
		tag, err := tx.Exec(ctx, `DELETE FROM playlist_clips p USING clips c, recordings r
			WHERE p.playlist = $1 AND p.clip = $2 AND c.id = p.clip AND r.id = c.recording AND `+sc.sql("r", &args), args...)
		if err == nil && tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return err
	})
}

// MoveInPlaylist lets a clip change places with the one before it, or after it where later is set. At an end, and where
// the neighbour lies outside the scope, it passes that one: what one does not see is no obstacle.
func (s *Store) MoveInPlaylist(ctx context.Context, sc Scope, id, clip string, later bool, who AuditEntry) error {
	return s.changePlaylist(ctx, id, who, "playlist.changed", map[string]any{"moved": clip, "later": later}, func(tx pgx.Tx) error {
		args := []any{id}
		rows, err := tx.Query(ctx, `SELECT p.clip::text, `+sc.sql("r", &args)+` FROM playlist_clips p JOIN clips c ON c.id = p.clip
			JOIN recordings r ON r.id = c.recording WHERE p.playlist = $1 ORDER BY p.place, c.id FOR UPDATE OF p`, args...)
		if err != nil {
			return err
		}
		type entry struct {
			clip string
			seen bool
		}
		all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e entry, err error) {
			err = row.Scan(&e.clip, &e.seen)
			return e, err
		})
		if err != nil {
			return err
		}
		at := -1
		for i, e := range all {
			if e.clip == clip && e.seen {
				at = i
			}
		}
		if at < 0 {
			return ErrNotFound
		}
		step := -1
		if later {
			step = 1
		}
		for to := at + step; to >= 0 && to < len(all); to += step {
			all[at], all[to] = all[to], all[at]
			if all[at].seen {
				break
			}
			at = to
		}
		order := make([]string, len(all))
		for i, e := range all {
			order[i] = e.clip
		}
		_, err = tx.Exec(ctx, `UPDATE playlist_clips p SET place = o.place FROM unnest($2::uuid[]) WITH ORDINALITY o (clip, place)
			WHERE p.playlist = $1 AND p.clip = o.clip`, id, order)
		return err
	})
}

// changePlaylist changes a playlist while nobody else does, and puts it on record.
func (s *Store) changePlaylist(ctx context.Context, id string, who AuditEntry, action string, detail map[string]any, change func(pgx.Tx) error) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var found bool
		err := tx.QueryRow(ctx, `SELECT true FROM playlists WHERE id = $1 FOR UPDATE`, id).Scan(&found)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err == nil {
			err = change(tx)
		}
		if err != nil {
			if errors.Is(err, ErrNotFound) {
				return ErrNotFound
			}
			return fmt.Errorf("change playlist: %w", err)
		}
		return audited(ctx, tx, who, action, "playlist:"+id, detail)
	})
}
