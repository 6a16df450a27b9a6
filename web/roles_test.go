package web

import (
	"strings"
	"testing"
)

// The whole matrix, written out a second time on purpose: a change of who may do what is a change of two files.
func TestRoleTable(t *testing.T) {
	want := map[Permission]string{
		permAccount:   "clerk lead manager trainer agent auditor operator admin",
		permOwn:       "clerk lead manager trainer agent auditor admin",
		permView:      "clerk lead manager trainer auditor admin",
		permListen:    "clerk lead manager trainer agent auditor",
		permUnmask:    "clerk lead auditor",
		permReview:    "clerk lead",
		permFollow:    "clerk lead manager trainer",
		permAssign:    "lead",
		permTrends:    "lead manager trainer auditor",
		permCoach:     "lead manager trainer",
		permExport:    "lead manager",
		permClips:     "lead manager trainer auditor",
		permMakeClips: "lead trainer",
		permRules:     "lead",
		permRulesView: "lead manager auditor",
		permHooks:     "admin",
		permAppeals:   "clerk lead manager agent auditor",
		permNotices:   "clerk lead manager trainer agent auditor",
		permAppeal:    "manager agent",
		permUsers:     "admin",
		permSeeUsers:  "auditor admin",
		permAudit:     "auditor admin",
		permSample:    "lead",
		permQuality:   "lead manager auditor",
		permOperate:   "operator admin",
		permImports:   "lead manager auditor operator admin",
		permCustody:   "lead manager auditor operator admin",
		permHold:      "lead manager",
		permEvidence:  "lead manager auditor",
		permPropose:   "lead",
		permApprove:   "manager",
		permStop:      "lead manager",
	}
	for p := range grants {
		for _, role := range Roles {
			if got, want := may(role, p), strings.Contains(" "+want[p]+" ", " "+string(role)+" "); got != want {
				t.Errorf("%s may %s = %v, want %v", role, p, got, want)
			}
		}
	}
	if len(grants) != len(want) {
		t.Errorf("%d permissions in the matrix, %d in this test", len(grants), len(want))
	}
}

func TestWhatIsNotGrantedIsDenied(t *testing.T) {
	for _, role := range []Role{"", "root", "CLERK", " clerk"} {
		for p := range grants {
			if may(role, p) {
				t.Errorf("the unknown role %q may %s", role, p)
			}
		}
	}
	for _, role := range Roles {
		if may(role, "") || may(role, "fly") {
			t.Errorf("%s may do what nobody granted", role)
		}
	}
}

// Every route demands a permission of the matrix; only these few are open to everybody.
func TestPublicRoutes(t *testing.T) {
	public := map[string]bool{"GET /healthz": true, "GET /assets/": true, "GET /login": true, "POST /login": true,
		"GET /login/code": true, "POST /login/code": true, "GET /login/directory": true, "GET " + directoryBack: true, "POST /lang": true}
	for _, r := range newPages(t).table() {
		if got := r.need == permPublic; got != public[r.pattern] {
			t.Errorf("%s public = %v", r.pattern, got)
		}
		if _, known := grants[r.need]; !known && r.need != permPublic {
			t.Errorf("%s demands the unknown permission %q", r.pattern, r.need)
		}
	}
}
