package embedded

import (
	"fmt"
	"net"
	"strconv"
)

// FreePort returns a loopback TCP port that was free a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// portAttempts is how often another free port is tried when somebody takes the chosen one in between.
const portAttempts = 5

// withPort calls start with the wanted port, or with free ones until it is not refused as busy.
func withPort(want int, start func(port int) (busy bool, err error)) error {
	if want != 0 {
		busy, err := start(want)
		if busy {
			return sentence(err, "port %d on 127.0.0.1 is in use by another program: choose another port or stop that program", want)
		}
		return err
	}
	var err error
	for range portAttempts {
		var port int
		if port, err = FreePort(); err != nil {
			return err
		}
		var busy bool
		if busy, err = start(port); !busy {
			return err
		}
	}
	return fmt.Errorf("no free port after %d attempts: %w", portAttempts, err)
}

// portTaken says whether something listens on the loopback port already.
func portTaken(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return true
	}
	l.Close()
	return false
}
