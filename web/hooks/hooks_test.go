package hooks

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/speechqa/speechqa/storage/postgres"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestPublic(t *testing.T) {
	for ip, want := range map[string]bool{
		"93.184.216.34": true, "2606:4700::1111": true, "127.0.0.1": false, "127.9.9.9": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "255.255.255.255": false, "224.0.0.1": false, "::1": false, "::": false, "fe80::1": false,
		"fd00::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "ff02::1": false,
	} {
		if got := Public(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s is public: %v", ip, got)
		}
	}
}

func TestCheckURL(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for text, want := range map[string]bool{
		"https://example.com/hook": true, "http://example.com/": false, "https://10.0.0.1/": false, "http://10.1.2.3:8080/x": true, "https://[::1]/": false,
		"https://user:pass@example.com/": false, "ftp://example.com": false, "https:///x": false, "gopher://a": false, "": false, "https://a/" + strings.Repeat("x", 500): false,
	} {
		if err := CheckURL(text, allow); (err == nil) != want {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestPause(t *testing.T) {
	var sum time.Duration
	last := time.Duration(0)
	for n := range maxTries - 1 {
		p := Pause(n)
		if p < last || p > longest {
			t.Errorf("pause %d is %v after %v", n, p, last)
		}
		last = p
		sum += p
	}
	if Pause(maxTries-1) != 0 || sum < 12*time.Hour {
		t.Errorf("%v in all, then %v", sum, Pause(maxTries-1))
	}
}

// outbox is a hook's queue of one delivery.
type outbox struct {
	mu       sync.Mutex
	job      *postgres.HookJob
	done     int
	problems []string
	over     chan struct{} // closed when it is delivered or has failed as often as wanted
	fails    int
}

func (o *outbox) DueHooks(context.Context, int, time.Duration) ([]postgres.HookJob, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.job == nil {
		return nil, nil
	}
	j := *o.job
	o.job.Tries++
	return []postgres.HookJob{j}, nil
}

func (o *outbox) HookDelivered(context.Context, string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.done, o.job = o.done+1, nil
	close(o.over)
	return nil
}

func (o *outbox) HookFailed(_ context.Context, _, problem string, wait time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.problems = append(o.problems, problem); len(o.problems) == o.fails {
		o.job = nil
		close(o.over)
	}
	return nil
}

func (o *outbox) run(t *testing.T, s *Sender) {
	t.Helper()
	o.over = make(chan struct{})
	s.Store, s.Log, s.Every = o, quiet, time.Millisecond
	if s.Secret == nil {
		s.Secret = func(secret, _ string) (string, error) { return secret, nil }
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	select {
	case <-o.over:
	case <-ctx.Done():
		t.Error("waited in vain for a delivery")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// What arrives is signed, and is sent again until it is received.
func TestDelivery(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		at, sig, _ := strings.Cut(r.Header.Get("Speechqa-Signature"), ",v1=")
		seconds, err := time.ParseDuration(strings.TrimPrefix(at, "t=") + "s")
		if err != nil || sig != Sign("geheim", time.Unix(int64(seconds.Seconds()), 0), body) || sig == Sign("other", time.Unix(int64(seconds.Seconds()), 0), body) || string(body) != `{"a":1}` {
			t.Errorf("%s: %s (%v)", r.Header.Get("Speechqa-Signature"), body, err)
		}
		switch calls.Add(1) {
		case 1:
			http.Error(w, "no", http.StatusServiceUnavailable)
		case 2:
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	}))
	defer server.Close()
	o := &outbox{job: &postgres.HookJob{ID: "d", URL: server.URL, Secret: "geheim", Body: []byte(`{"a":1}`)}}
	o.run(t, &Sender{Allow: here})
	if o.done != 1 || calls.Load() != 3 || len(o.problems) != 2 || !strings.Contains(o.problems[0], "503") || !strings.Contains(o.problems[1], "302") {
		t.Errorf("done %d, %d calls, %q", o.done, calls.Load(), o.problems)
	}
}

// What cannot be signed is not sent.
func TestSecretThatCannotBeOpened(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	o := &outbox{job: &postgres.HookJob{ID: "d", URL: server.URL, Secret: "sealed:x:y", Body: []byte("{}")}, fails: 1}
	o.run(t, &Sender{Allow: here, Secret: func(string, string) (string, error) { return "", errors.New("no such key") }})
	if o.done != 0 || calls.Load() != 0 || len(o.problems) != 1 || !strings.Contains(o.problems[0], "no such key") {
		t.Errorf("done %d, %d calls, %q", o.done, calls.Load(), o.problems)
	}
}

// This machine is not reached, by no name or spelling, also not by a name that resolves to another address each time.
func TestPrivateAddressesAreRefused(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	port := mustPort(t, server.URL)
	rebinding := rebindingResolver(t)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "rebind.example"} {
		o := &outbox{job: &postgres.HookJob{URL: "http://" + host + ":" + port, Body: []byte("{}")}, fails: 3}
		s := &Sender{}
		if host == "rebind.example" {
			s.Resolver = rebinding
		}
		o.run(t, s)
		for _, p := range o.problems {
			if !strings.Contains(p, ErrAddress.Error()) {
				t.Errorf("%s: %s", host, p)
			}
		}
	}
	if calls.Load() != 0 {
		t.Errorf("the server on this machine was called %d times", calls.Load())
	}
}

func mustPort(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// rebindingResolver answers every name with this machine's address, after it was asked once with a public one: as a name
// does that was checked when the hook was made. The first answer is given to the check here.
func rebindingResolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return // closed
			}
			var m dnsmessage.Message
			if err := m.Unpack(b[:n]); err != nil || len(m.Questions) == 0 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.RCode, m.Additionals = true, dnsmessage.RCodeSuccess, nil
			if q.Type == dnsmessage.TypeA {
				a := [4]byte{127, 0, 0, 1}
				if asked.Add(1) == 1 {
					a = [4]byte{93, 184, 216, 34}
				}
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0}, Body: &dnsmessage.AResource{A: a}}}
			}
			if out, err := m.Pack(); err == nil {
				conn.WriteTo(out, from)
			}
		}
	}()
	t.Cleanup(func() { conn.Close(); <-answered })
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	first, err := r.LookupNetIP(t.Context(), "ip4", "rebind.example")
	if err != nil || len(first) != 1 || !Public(first[0]) {
		t.Fatalf("the first answer: %v (%v)", first, err)
	}
	return r
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &Sender{Store: &outbox{}, Log: quiet}
	if err := s.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
