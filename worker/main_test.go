package worker_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// TestMain makes this binary a worker process, or a switch between hosts, when a test starts it as one.
func TestMain(m *testing.M) {
	pipeline.Lease = 2 * time.Second // the tests do not wait half a minute for the dead
	if spec := os.Getenv(processEnv); spec != "" {
		if err := runProcess(spec); err != nil {
			fmt.Fprintln(os.Stderr, "worker process:", err)
			os.Exit(1)
		}
		return
	}
	if plan := os.Getenv(switchEnv); plan != "" {
		if err := runSwitch(plan); err != nil {
			fmt.Fprintln(os.Stderr, "switch:", err)
			os.Exit(1)
		}
		return
	}
	storagetest.Main(m)
}
