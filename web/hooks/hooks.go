// Package hooks tells addresses outside that recordings became fatal: what PostgreSQL's outbox holds is sent, signed, and
// sent again with growing pauses until it is received or given up.
package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

const (
	patience   = 10 * time.Second // for one try
	lease      = time.Minute      // a delivery not reported by then is somebody else's
	atOnce     = 20
	firstPause = 10 * time.Second
	longest    = 6 * time.Hour
	maxTries   = 14 // over about a day and a half
)

// Store is the outbox.
type Store interface {
	DueHooks(ctx context.Context, limit int, lease time.Duration) ([]postgres.HookJob, error)
	HookDelivered(ctx context.Context, id string) error
	HookFailed(ctx context.Context, id, problem string, wait time.Duration) error
}

// Sender sends what is due. Addresses of this machine and of private networks are refused unless Allow holds them; the
// address is looked at when it is dialled, so that a name that resolves to another one each time gets nowhere.
type Sender struct {
	Store    Store
	Allow    []netip.Prefix
	Every    time.Duration // how often the outbox is asked; 0 is five seconds
	Log      *slog.Logger
	Resolver *net.Resolver // nil is the machine's
	// Secret opens a hook's secret as the database has it.
	Secret func(secret, url string) (string, error)
}

// Run sends until ctx ends.
func (s *Sender) Run(ctx context.Context) error {
	every := s.Every
	if every <= 0 {
		every = 5 * time.Second
	}
	client := s.client()
	defer client.CloseIdleConnections()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := s.round(ctx, client); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "hooks wait", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// round sends what is due now, one after the other.
func (s *Sender) round(ctx context.Context, client *http.Client) error {
	for {
		jobs, err := s.Store.DueHooks(ctx, atOnce, atOnce*patience+lease)
		if err != nil || len(jobs) == 0 {
			return err
		}
		for _, j := range jobs {
			if err := s.deliver(ctx, client, j); err != nil {
				return err
			}
		}
	}
}

// deliver makes one try and reports it.
func (s *Sender) deliver(ctx context.Context, client *http.Client, j postgres.HookJob) error {
	secret, err := s.Secret(j.Secret, j.URL)
	if err != nil {
		err = fmt.Errorf("open the hook's secret: %w", err)
	} else {
		j.Secret = secret
		err = send(ctx, client, j)
	}
	if ctx.Err() != nil {
		return ctx.Err() // the lease hands it on
	}
	if err == nil {
		return s.Store.HookDelivered(ctx, j.ID)
	}
	wait := Pause(j.Tries)
	s.Log.WarnContext(ctx, "hook not told", "delivery", j.ID, "try", j.Tries+1, "again", wait, "err", err)
	return s.Store.HookFailed(ctx, j.ID, err.Error(), wait)
}

// Pause is how long to wait after so many tries before the failed one; zero is to give up.
func Pause(before int) time.Duration {
	if before+1 >= maxTries {
		return 0
	}
	return min(longest, firstPause<<min(before, 12))
}

// Sign is the signature of a body sent at a moment: HMAC-SHA256 over "<unix seconds>.<body>", hex.
func Sign(secret string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.", at.Unix())
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func send(ctx context.Context, client *http.Client, j postgres.HookJob) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.URL, bytes.NewReader(j.Body))
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "speechqa-hooks/1")
	req.Header.Set("Speechqa-Delivery", j.ID)
	req.Header.Set("Speechqa-Signature", "t="+strconv.FormatInt(now.Unix(), 10)+",v1="+Sign(j.Secret, now, j.Body))
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("answered %s", res.Status) // a redirect too: it is not followed
	}
	return nil
}

// client dials only what may be dialled, follows no redirect and uses no proxy.
func (s *Sender) client() *http.Client {
	dialer := &net.Dialer{Timeout: patience, Resolver: s.Resolver, Control: s.mayDial}
	return &http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: patience, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
			ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ErrAddress says that an address lies where hooks must not reach.
var ErrAddress = errors.New("the address lies in a private network or on this machine; SPEECHQA_HOOK_ALLOW can allow it")

// mayDial is asked with the very address that is about to be dialled.
func (s *Sender) mayDial(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial %q: %w", address, err)
	}
	ip := at.Addr().Unmap().WithZone("")
	for _, p := range s.Allow {
		if p.Contains(ip) {
			return nil
		}
	}
	if !Public(ip) {
		return fmt.Errorf("%s: %w", ip, ErrAddress)
	}
	return nil
}

// reserved are networks that are not the public internet, beside those that netip knows, and those that lead to others.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// Public says whether an address belongs to the public internet.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsValid() || ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// CheckURL says what is wrong with an address before it is kept: https, or http to what Allow holds, without a password.
func CheckURL(text string, allow []netip.Prefix) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" || len(text) > 500 {
		return errors.New("not an address like https://example.com/hook")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	allowed := false
	for _, p := range allow {
		allowed = allowed || err == nil && p.Contains(ip.Unmap())
	}
	switch {
	case allowed:
		return nil
	case u.Scheme == "http":
		return errors.New("http only to an address that SPEECHQA_HOOK_ALLOW holds; use https")
	case err == nil && !Public(ip):
		return ErrAddress
	}
	return nil
}
