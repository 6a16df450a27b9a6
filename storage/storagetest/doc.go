// Package storagetest gives tests real servers: PostgreSQL, Redis, the embedded object store and MinIO, each on a
// directory of its own, stopped and removed at the end of the test or of the test binary.
package storagetest
