package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

func (c *Console) playlistEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/playlists", permClips, c.apiPlaylists, ""}, []string{"GET /playlists"}, "Courses: clips in an order", nil, apiPage[apiPlaylist]{}},
		{route{"POST /api/v1/playlists", permMakeClips, c.apiMakePlaylist, ""}, []string{"POST /playlists"}, "Begin a playlist", apiPlaylistAsked{}, apiPlaylist{}},
		{route{"GET /api/v1/playlists/{playlist}", permClips, c.apiPlaylist, "playlist.view"}, []string{"GET /playlists/{playlist}"}, "One playlist and its clips", nil, apiPlaylist{}},
		{route{"POST /api/v1/playlists/{playlist}", permMakeClips, command(apiPlaylistAsked.form, c.savePlaylist, c.apiPlaylist), ""}, []string{"POST /playlists/{playlist}"}, "Change title and note", apiPlaylistAsked{}, apiPlaylist{}},
		{route{"POST /api/v1/playlists/{playlist}/clips", permMakeClips, command(apiArrangement.form, c.arrangePlaylist, c.apiPlaylist), ""}, []string{"POST /playlists/{playlist}/clips"}, "Add, move or remove a clip", apiArrangement{}, apiPlaylist{}},
		{route{"POST /api/v1/playlists/{playlist}/delete", permMakeClips, command(wordless, c.deletePlaylist, c.apiPlaylists), ""}, []string{"POST /playlists/{playlist}/delete"}, "Delete a playlist; its clips stay", nil, apiPage[apiPlaylist]{}},
	}
}

type apiPlaylistAsked struct {
	Title string `json:"title"`
	Note  string `json:"note,omitempty"`
}

func (d apiPlaylistAsked) form() url.Values { return url.Values{"title": {d.Title}, "note": {d.Note}} }

type apiArrangement struct {
	Clip string `json:"clip" description:"id"`
	Do   string `json:"do" enum:"add,up,down,remove"`
}

func (d apiArrangement) form() url.Values { return url.Values{"clip": {d.Clip}, "do": {d.Do}} }

type apiPlaylist struct {
	ID        string        `json:"id"`
	Title     string        `json:"title"`
	Note      string        `json:"note,omitempty"`
	By        string        `json:"by"`
	CreatedAt time.Time     `json:"created_at"`
	Clips     int           `json:"clips" description:"within the scope"`
	Seconds   float64       `json:"seconds" description:"together"`
	Items     []apiClipBody `json:"items,omitempty" description:"in their order; of one playlist only"`
}

func apiPlaylistOf(p postgres.Playlist, clips []postgres.Clip) apiPlaylist {
	out := apiPlaylist{ID: p.ID, Title: p.Title, Note: p.Note, By: p.By, CreatedAt: p.CreatedAt.UTC(), Clips: p.Clips, Seconds: p.Seconds}
	for _, k := range clips {
		out.Items = append(out.Items, apiClipOf(k, nil))
	}
	return out
}

func (c *Console) apiPlaylists(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[playlistsData](r, c.playlistsPage)
	if err != nil {
		return err
	}
	out := apiPage[apiPlaylist]{Items: []apiPlaylist{}}
	for _, p := range d.Playlists {
		out.Items = append(out.Items, apiPlaylistOf(p, nil))
	}
	return writeJSON(w, out)
}

func (c *Console) apiPlaylist(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[playlistData](r, c.playlistPage)
	if err != nil {
		return err
	}
	return writeJSON(w, apiPlaylistOf(d.Playlist, d.List))
}

func (c *Console) apiMakePlaylist(w http.ResponseWriter, r *http.Request) error {
	var d apiPlaylistAsked
	if err := body(w, r, &d); err != nil {
		return err
	}
	to, err := acted(r, d.form(), c.makePlaylist)
	if err != nil {
		return err
	}
	made(w, r, to, "/playlists/", "playlist")
	return c.apiPlaylist(w, r)
}
