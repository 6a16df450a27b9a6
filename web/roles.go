package web

import "slices"

// Role is what a person does here; a user has one.
type Role string

// The roles of the company's quality assurance.
const (
	RoleClerk    Role = "clerk"    // 质检员: hears and decides
	RoleLead     Role = "lead"     // 质检组长: decides, assigns, decides appeals
	RoleManager  Role = "manager"  // 经理: sees who drifts and why, of his own teams
	RoleTrainer  Role = "trainer"  // 培训师: collects and exports clips
	RoleAgent    Role = "agent"    // 催收员: sees and hears what was found in his own recordings
	RoleAuditor  Role = "auditor"  // 稽核: sees everything, changes nothing
	RoleOperator Role = "operator" // 运维: keeps the machinery running; hears and reads nothing
	RoleAdmin    Role = "admin"    // 管理员: users and system; not a judge of findings
)

// Roles lists every role, in the order forms offer them.
var Roles = []Role{RoleClerk, RoleLead, RoleManager, RoleTrainer, RoleAgent, RoleAuditor, RoleOperator, RoleAdmin}

// Permission is what a route demands.
type Permission string

// Permissions. A route names exactly one; see routes.go.
const (
	permPublic    Permission = "public"     // nobody need be logged in: the log-in page, assets, health
	permAccount   Permission = "account"    // anybody logged in: own password, log-out
	permOwn       Permission = "own"        // recordings within one's scope: list, transcript, findings
	permView      Permission = "view"       // what else is about recordings, for those who work with them
	permListen    Permission = "listen"     // the audio itself
	permUnmask    Permission = "unmask"     // see the numbers that pages hide
	permReview    Permission = "review"     // decide on findings
	permFollow    Permission = "follow"     // put on record that what was decided about a recording was done
	permAssign    Permission = "assign"     // give recordings to people, set what is expected of them a day
	permTrends    Permission = "trends"     // figures about people and rules
	permCoach     Permission = "coach"      // put talks with agents on record
	permExport    Permission = "export"     // take data out of the console
	permClips     Permission = "clips"      // the trainers' library, bleeped and masked
	permMakeClips Permission = "make_clips" // cut clips, decide what is bleeped, take them out of the console
	permRules     Permission = "rules"      // write, try, approve and publish rules; see what rules on shadow find
	permRulesView Permission = "rules_view" // versions, back-tests, quality
	permHooks     Permission = "hooks"      // where the system sends word of fatal recordings
	permAppeals   Permission = "appeals"    // appeals within one's scope
	permNotices   Permission = "notices"    // what is new for oneself
	permAppeal    Permission = "appeal"     // appeal against a confirmed finding
	permUsers     Permission = "users"      // create and block users
	permSeeUsers  Permission = "see_users"  // who may log in, and with what rights
	permAudit     Permission = "audit"      // what everybody did, and whether the record of it is whole
	permSample    Permission = "sample"     // draw blind samples, end them, have the last word
	permQuality   Permission = "quality"    // what samples and decisions say of the rules
	permOperate   Permission = "operate"    // queues, workers, what failed
	permImports   Permission = "imports"    // how far what arrived is
	permCustody   Permission = "custody"    // how recordings are kept
	permHold      Permission = "hold"       // place and release legal holds
	permPropose   Permission = "propose"    // propose to destroy what is past its date
	permApprove   Permission = "approve"    // approve or refuse what another has proposed to destroy
	permStop      Permission = "stop"       // take such a proposal back, or stop what is approved
	permEvidence  Permission = "evidence"   // take evidence packs out of the console, nothing masked
)

// grants is the whole role matrix. What is not here is denied.
var grants = map[Permission][]Role{
	permAccount:   Roles,
	permOwn:       {RoleClerk, RoleLead, RoleManager, RoleTrainer, RoleAgent, RoleAuditor, RoleAdmin},
	permView:      {RoleClerk, RoleLead, RoleManager, RoleTrainer, RoleAuditor, RoleAdmin},
	permListen:    {RoleClerk, RoleLead, RoleManager, RoleTrainer, RoleAgent, RoleAuditor}, // an agent's scope is his own recordings
	permUnmask:    {RoleClerk, RoleLead, RoleAuditor},
	permReview:    {RoleClerk, RoleLead},
	permFollow:    {RoleClerk, RoleLead, RoleManager, RoleTrainer},
	permAssign:    {RoleLead},
	permTrends:    {RoleLead, RoleManager, RoleTrainer, RoleAuditor},
	permCoach:     {RoleLead, RoleManager, RoleTrainer},
	permExport:    {RoleLead, RoleManager},
	permClips:     {RoleLead, RoleManager, RoleTrainer, RoleAuditor},
	permMakeClips: {RoleLead, RoleTrainer},
	permRules:     {RoleLead},
	permRulesView: {RoleLead, RoleManager, RoleAuditor},
	permHooks:     {RoleAdmin},
	permAppeals:   {RoleClerk, RoleLead, RoleManager, RoleAgent, RoleAuditor},
	permNotices:   {RoleClerk, RoleLead, RoleManager, RoleTrainer, RoleAgent, RoleAuditor},
	permAppeal:    {RoleManager, RoleAgent}, // a manager for his teams' agents
	permUsers:     {RoleAdmin},
	permSeeUsers:  {RoleAdmin, RoleAuditor},
	permAudit:     {RoleAuditor, RoleAdmin},
	permSample:    {RoleLead},
	permQuality:   {RoleLead, RoleManager, RoleAuditor},
	permOperate:   {RoleOperator, RoleAdmin},
	permImports:   {RoleLead, RoleManager, RoleAuditor, RoleOperator, RoleAdmin},
	permCustody:   {RoleLead, RoleManager, RoleAuditor, RoleOperator, RoleAdmin},
	permHold:      {RoleLead, RoleManager},
	permPropose:   {RoleLead},
	permApprove:   {RoleManager},
	permStop:      {RoleLead, RoleManager},
	permEvidence:  {RoleLead, RoleManager, RoleAuditor},
}

// may says whether the matrix grants p to role. An unknown role or permission gets nothing.
func may(role Role, p Permission) bool {
	return slices.Contains(grants[p], role)
}
