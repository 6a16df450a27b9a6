// Package objects reads and writes recordings in an S3 store (MinIO or any other) through minio-go.
package objects
