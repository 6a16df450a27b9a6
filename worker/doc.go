// Package worker runs the pipeline's steps as asynq tasks: queues, retries, time-outs, reconciliation.
package worker
