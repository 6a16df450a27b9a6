package objects

import (
	"net/http"
	"time"
)

// Observer is told of every request to the store: its method, how long the answer's header took, its status (0 where
// none came), and the error.
type Observer func(method string, took time.Duration, status int, err error)

// observed tells an Observer of each request.
type observed struct {
	http.RoundTripper
	observe Observer
}

// RoundTrip is part of http.RoundTripper.
func (o observed) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := o.RoundTripper.RoundTrip(r)
	status := 0
	if resp != nil {
		status = resp.StatusCode
	}
	o.observe(r.Method, time.Since(began), status, err)
	return resp, err
}
