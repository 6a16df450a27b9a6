package web

import (
	"net/http"
	"net/url"
	"time"
)

func (c *Console) hookEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/hooks", permHooks, c.apiHooks, ""}, []string{"GET /hooks"}, "Where word of fatal recordings is sent, and the last deliveries", nil, apiHooks{}},
		{route{"POST /api/v1/hooks", permHooks, c.apiMakeHook, ""}, []string{"POST /hooks"}, "Keep an address; its secret is in this answer only", apiHookAsked{}, apiHooks{}},
		{route{"POST /api/v1/hooks/{hook}/try", permHooks, command(wordless, c.tryHook, c.apiHooks), ""}, []string{"POST /hooks/{hook}/try"}, "Send a trial", nil, apiHooks{}},
		{route{"POST /api/v1/hooks/{hook}/remove", permHooks, command(wordless, c.removeHook, c.apiHooks), ""}, []string{"POST /hooks/{hook}/remove"}, "Remove an address", nil, apiHooks{}},
	}
}

type apiHookAsked struct {
	URL string `json:"url"`
}

type apiHooks struct {
	Secret     string        `json:"secret,omitempty" description:"of the address just kept"`
	Items      []apiHook     `json:"items"`
	Deliveries []apiDelivery `json:"deliveries" description:"the newest first"`
}

type apiHook struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"`
	By        string    `json:"by"`
	CreatedAt time.Time `json:"created_at"`
}

type apiDelivery struct {
	ID        string     `json:"id"`
	URL       string     `json:"url"`
	Recording string     `json:"recording,omitempty" description:"missing: a trial"`
	CreatedAt time.Time  `json:"created_at"`
	Tries     int        `json:"tries"`
	NextAt    *time.Time `json:"next_at,omitempty" description:"of the next try"`
	DoneAt    *time.Time `json:"done_at,omitempty" description:"when it was delivered"`
	Problem   string     `json:"problem,omitempty" description:"of the last try"`
}

func apiHooksOf(d hooksData) apiHooks {
	out := apiHooks{Secret: d.Secret, Items: []apiHook{}, Deliveries: []apiDelivery{}}
	for _, h := range d.Hooks {
		out.Items = append(out.Items, apiHook{h.ID, h.URL, h.By, h.CreatedAt.UTC()})
	}
	for _, x := range d.Deliveries {
		out.Deliveries = append(out.Deliveries, apiDelivery{x.ID, x.URL, x.Recording, x.CreatedAt.UTC(), x.Tries, moment(x.NextAt), moment(x.DoneAt), x.Problem})
	}
	return out
}

func (c *Console) apiHooks(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[hooksData](r, c.hooksPage)
	if err != nil {
		return err
	}
	return writeJSON(w, apiHooksOf(d))
}

func (c *Console) apiMakeHook(w http.ResponseWriter, r *http.Request) error {
	var d apiHookAsked
	if err := body(w, r, &d); err != nil {
		return err
	}
	hooks, err := shownTo[hooksData](r, url.Values{"url": {d.URL}}, c.makeHook)
	if err != nil {
		return err
	}
	return writeJSON(w, apiHooksOf(hooks))
}
