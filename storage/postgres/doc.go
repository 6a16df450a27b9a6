// Package postgres keeps recordings, transcripts, findings and decisions in PostgreSQL, the system's truth.
package postgres
