package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

// playlistStore is what the pages about playlists ask of the database.
type playlistStore interface {
	Playlists(ctx context.Context, sc postgres.Scope) ([]postgres.Playlist, error)
	Playlist(ctx context.Context, sc postgres.Scope, id string) (postgres.Playlist, []postgres.Clip, error)
	CreatePlaylist(ctx context.Context, title, note string, who postgres.AuditEntry) (string, error)
	ChangePlaylist(ctx context.Context, id, title, note string, who postgres.AuditEntry) error
	DeletePlaylist(ctx context.Context, id string, who postgres.AuditEntry) error
	AddToPlaylist(ctx context.Context, sc postgres.Scope, id, clip string, who postgres.AuditEntry) error
	RemoveFromPlaylist(ctx context.Context, sc postgres.Scope, id, clip string, who postgres.AuditEntry) error
	MoveInPlaylist(ctx context.Context, sc postgres.Scope, id, clip string, later bool, who postgres.AuditEntry) error
}

type playlistsData struct {
	Playlists []postgres.Playlist
	MayEdit   bool
}

type playlistData struct {
	postgres.Playlist
	List    []postgres.Clip
	MayEdit bool
}

func (c *Console) playlistsPage(w http.ResponseWriter, r *http.Request) error {
	all, err := c.store.Playlists(r.Context(), visitorOf(r).scope)
	if err != nil {
		return fmt.Errorf("playlists: %w", err)
	}
	return c.render(w, r, http.StatusOK, "playlists", playlistsData{all, may(Role(visitorOf(r).user.Role), permMakeClips)})
}

func (c *Console) playlistPage(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "playlist")
	if err != nil {
		return err
	}
	p, clips, err := c.store.Playlist(r.Context(), visitorOf(r).scope, id)
	if err != nil {
		return fmt.Errorf("playlist %s: %w", id, err)
	}
	return c.render(w, r, http.StatusOK, "playlist", playlistData{p, clips, may(Role(visitorOf(r).user.Role), permMakeClips)})
}

// playlistForm reads a playlist's title and note.
func playlistForm(w http.ResponseWriter, r *http.Request) (title, note string, err error) {
	f, err := form(w, r)
	if err != nil {
		return "", "", err
	}
	if title, err = sentence(f.Get("title"), maxClipTitle); err != nil || title == "" {
		return "", "", errBadRequest
	}
	note, err = sentence(f.Get("note"), maxNote)
	return title, note, err
}

func (c *Console) makePlaylist(w http.ResponseWriter, r *http.Request) error {
	title, note, err := playlistForm(w, r)
	if err != nil {
		return err
	}
	id, err := c.store.CreatePlaylist(r.Context(), title, note, who(r))
	if err != nil {
		return fmt.Errorf("make playlist: %w", err)
	}
	http.Redirect(w, r, "/playlists/"+id, http.StatusSeeOther)
	return nil
}

func (c *Console) savePlaylist(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "playlist")
	if err != nil {
		return err
	}
	title, note, err := playlistForm(w, r)
	if err != nil {
		return err
	}
	if err := c.store.ChangePlaylist(r.Context(), id, title, note, who(r)); err != nil {
		return fmt.Errorf("playlist %s: %w", id, err)
	}
	http.Redirect(w, r, "/playlists/"+id, http.StatusSeeOther)
	return nil
}

// arrangePlaylist adds, moves or removes a clip (do: add, up, down, remove).
func (c *Console) arrangePlaylist(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "playlist")
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	clip, err := uuid.Parse(f.Get("clip"))
	if err != nil {
		return errBadRequest
	}
	sc, ctx := visitorOf(r).scope, r.Context()
	switch f.Get("do") {
	case "add":
		err = c.store.AddToPlaylist(ctx, sc, id, clip.String(), who(r))
	case "up", "down":
		err = c.store.MoveInPlaylist(ctx, sc, id, clip.String(), f.Get("do") == "down", who(r))
	case "remove":
		err = c.store.RemoveFromPlaylist(ctx, sc, id, clip.String(), who(r))
	default:
		return errBadRequest
	}
	if err != nil {
		return fmt.Errorf("playlist %s: %w", id, err)
	}
	http.Redirect(w, r, "/playlists/"+id, http.StatusSeeOther)
	return nil
}

func (c *Console) deletePlaylist(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "playlist")
	if err != nil {
		return err
	}
	if err := c.store.DeletePlaylist(r.Context(), id, who(r)); err != nil {
		return fmt.Errorf("playlist %s: %w", id, err)
	}
	http.Redirect(w, r, "/playlists", http.StatusSeeOther)
	return nil
}
