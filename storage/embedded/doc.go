// Package embedded runs PostgreSQL, Redis and an S3 store as children of this process, for the demo, a small
// office and the tests.
package embedded
