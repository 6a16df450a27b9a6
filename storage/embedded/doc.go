// Package embedded runs PostgreSQL, Redis and an S3 store as children of this process, for the demo, a small
// office and the tests.
//
// Every child has its own data directory, is guarded by a lock file against a second owner, dies with this
// process (also when it is killed) and is recovered on the next start. Errors are one sentence that says what
// to do; the chain behind it is for the log.
package embedded
