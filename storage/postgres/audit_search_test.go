package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

func TestAuditLog(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	for i, e := range []postgres.AuditEntry{
		{Name: "li", Action: "recording.view", Subject: "recording:r1"},
		{Name: "Wang", Action: "recording.play", Subject: "recording:r1"},
		{Name: "li", Action: "recordings.other", Subject: "user:r1"},
		{Name: "li", Action: "access.login", Subject: "user:u1"},
	} {
		e.Detail = fmt.Sprintf(`{"i":%d}`, i)
		b.noError(b.Audit(ctx, e))
	}
	hour := time.Hour
	for name, tc := range map[string]struct {
		f    postgres.AuditFilter
		want []int64
	}{
		"all, newest first":  {postgres.AuditFilter{}, []int64{4, 3, 2, 1}},
		"who":                {postgres.AuditFilter{Name: "wAng"}, []int64{2}},
		"what":               {postgres.AuditFilter{Action: "recording.view"}, []int64{1}},
		"all of a kind":      {postgres.AuditFilter{Action: "recording."}, []int64{2, 1}},
		"nothing of a kind":  {postgres.AuditFilter{Action: "%."}, nil},
		"subject":            {postgres.AuditFilter{Subject: "recording:r1"}, []int64{2, 1}},
		"id of a subject":    {postgres.AuditFilter{Subject: "r1"}, []int64{3, 2, 1}},
		"from":               {postgres.AuditFilter{From: time.Now().Add(-hour)}, []int64{4, 3, 2, 1}},
		"from later":         {postgres.AuditFilter{From: time.Now().Add(hour)}, nil},
		"to":                 {postgres.AuditFilter{To: time.Now().Add(-hour)}, nil},
		"before":             {postgres.AuditFilter{Before: 3}, []int64{2, 1}},
		"two at once":        {postgres.AuditFilter{Name: "li", Subject: "r1"}, []int64{3, 1}},
		"no injection by it": {postgres.AuditFilter{Name: "' OR true --"}, nil},
	} {
		tc.f.Limit = 10
		p, err := b.AuditLog(ctx, tc.f)
		b.noError(err)
		var got []int64
		for _, e := range p.Entries {
			got = append(got, e.Seq)
		}
		if !slices.Equal(got, tc.want) || p.Next != 0 {
			t.Errorf("%s: %v (next %d), want %v", name, got, p.Next, tc.want)
		}
	}
	var pages []int64
	for f := (postgres.AuditFilter{Limit: 3}); ; {
		p, err := b.AuditLog(ctx, f)
		b.noError(err)
		for _, e := range p.Entries {
			pages = append(pages, e.Seq)
		}
		if f.Before = p.Next; f.Before == 0 {
			break
		}
	}
	if !slices.Equal(pages, []int64{4, 3, 2, 1}) {
		t.Errorf("by pages %v", pages)
	}
	if got, err := b.AuditActions(ctx); err != nil || !slices.Equal(got, []string{"access.login", "recording.play", "recording.view", "recordings.other"}) {
		t.Errorf("actions %v, %v", got, err)
	}
	head, err := b.AuditHead(ctx)
	b.noError(err)
	if sum, err := b.VerifyAudit(ctx, []postgres.Anchor{head}); err != nil || sum.Anchors != 1 || head.Seq != 4 {
		t.Errorf("%+v %+v %v", head, sum, err)
	}
}
