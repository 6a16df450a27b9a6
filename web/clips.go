package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

// clipRoutes are the trainers' library.
func (c *Console) clipRoutes() []route {
	return []route{
		{"GET /clips", permClips, c.clipsPage, ""},
		{"POST /recordings/{id}/clips", permMakeClips, c.makeClip, ""},
		{"GET /clips/{clip}", permClips, c.clipPage, "clip.view"},
		{"POST /clips/{clip}", permMakeClips, c.saveClip, ""},
		{"POST /clips/{clip}/bleeps", permMakeClips, c.changeBleeps, ""},
		{"POST /clips/{clip}/delete", permMakeClips, c.deleteClip, ""},
		{"GET /clips/{clip}/waveform", permClips, c.clipWaveform, ""},
		{"GET /clips/{clip}/audio", permClips, c.clipAudio, "clip.play"},
		{"POST /clips/export", permMakeClips, c.exportClips, ""},
		{"GET /playlists", permClips, c.playlistsPage, ""},
		{"POST /playlists", permMakeClips, c.makePlaylist, ""},
		{"GET /playlists/{playlist}", permClips, c.playlistPage, "playlist.view"},
		{"POST /playlists/{playlist}", permMakeClips, c.savePlaylist, ""},
		{"POST /playlists/{playlist}/clips", permMakeClips, c.arrangePlaylist, ""},
		{"POST /playlists/{playlist}/delete", permMakeClips, c.deletePlaylist, ""},
	}
}

type clipsData struct {
	Page      postgres.ClipPage
	Filter    postgres.ClipFilter
	Facets    postgres.ClipFacets
	Playlists []postgres.Playlist
	Examples  []postgres.Example
	MayEdit   bool
	Narrowed  bool
	NextURL   string
}

// clipsPage is the library: clips, the newest first.
func (c *Console) clipsPage(w http.ResponseWriter, r *http.Request) error {
	q, sc := r.URL.Query(), visitorOf(r).scope
	f := postgres.ClipFilter{Query: strings.TrimSpace(q.Get("find")), Tag: q.Get("tag"), Rule: q.Get("rule"),
		Example: postgres.Example(q.Get("example")), Playlist: q.Get("playlist"), After: q.Get("after"), Limit: listLimit}
	if f.Playlist != "" {
		if uuid.Validate(f.Playlist) != nil {
			return errBadRequest
		}
	}
	d := clipsData{Filter: f, Examples: examples, MayEdit: may(Role(visitorOf(r).user.Role), permMakeClips)}
	var err error
	if d.Page, err = c.store.Clips(r.Context(), sc, f); err != nil {
		return fmt.Errorf("clips: %w", err)
	}
	if d.Facets, err = c.store.ClipFacets(r.Context(), sc); err != nil {
		return fmt.Errorf("clips: %w", err)
	}
	if d.Playlists, err = c.store.Playlists(r.Context(), sc); err != nil {
		return fmt.Errorf("clips: %w", err)
	}
	d.Narrowed = f != postgres.ClipFilter{After: f.After, Limit: f.Limit}
	if d.Page.Next != "" {
		d.NextURL = with("/clips", q, "after", d.Page.Next)
	}
	return c.render(w, r, http.StatusOK, "clips", d)
}
