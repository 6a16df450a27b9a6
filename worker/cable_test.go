package worker_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Three hosts: this machine has the services, and two workers are in network namespaces of their own, each at the end
// of a cable (a veth pair) whose other end is in a namespace between, a switch. There a process passes on what comes
// for the services, which it reaches through unix sockets: these know no network. A cut cable loses what is sent, and
// tells nobody.

// switchEnv holds the plan of a switch: this test binary again.
const switchEnv = "SPEECHQA_WORKER_TEST_SWITCH"

// plan is what a switch is told.
type plan struct {
	Services map[string]string // port: unix socket
	Workers  []spec
}

// cable is a worker's end of it.
type cable struct{ Device, Address string }

// plugIn waits for the cable and gives this end its address.
func (c cable) plugIn() error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := net.InterfaceByName(c.Device); err == nil {
			break
		} else if time.Now().After(deadline) {
			return fmt.Errorf("no cable comes: %w", err)
		}
	}
	return ip("link set lo up", "addr add "+c.Address+" dev "+c.Device, "link set "+c.Device+" up")
}

func ip(commands ...string) error {
	for _, c := range commands {
		if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", c, err, out)
		}
	}
	return nil
}

// runSwitch is the switch's main: it starts the workers, lays the cables, passes on, and obeys standard input until
// that ends.
func runSwitch(text string) error {
	runtime.LockOSThread() // whose end ends the workers
	var p plan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	workers := make([]*exec.Cmd, len(p.Workers))
	defer func() {
		for _, w := range workers {
			if w != nil {
				_ = w.Process.Kill() // it may have ended
				_ = w.Wait()
			}
		}
	}()
	for i, s := range p.Workers {
		host := strconv.Itoa(i + 1)
		s.Cable = cable{"eth0", "10.77." + host + ".2/24"}
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		w := exec.Command(os.Args[0])
		w.Env = append(os.Environ(), switchEnv+"=", processEnv+"="+strings.ReplaceAll(string(b), "SWITCH", "10.77."+host+".1"))
		w.Stderr = os.Stderr
		w.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		if err := w.Start(); err != nil {
			return fmt.Errorf("a worker in a namespace of its own: %w", err)
		}
		workers[i] = w
		if err := ip("link add host"+host+" type veth peer name eth0 netns "+strconv.Itoa(w.Process.Pid),
			"addr add 10.77."+host+".1/24 dev host"+host, "link set host"+host+" up"); err != nil {
			return err
		}
	}
	for port, socket := range p.Services {
		l, err := net.Listen("tcp", ":"+port)
		if err != nil {
			return err
		}
		go passOn(l, "unix", socket)
	}
	for _, w := range workers {
		fmt.Println(w.Process.Pid)
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		what, host, _ := strings.Cut(in.Text(), " ")
		n, err := strconv.Atoi(host)
		switch {
		case err != nil:
		case what == "cut":
			err = ip("link set host" + host + " down")
		case what == "mend":
			err = ip("link set host" + host + " up")
		case what == "kill":
			err = workers[n-1].Process.Kill()
		}
		fmt.Println(err)
	}
	return nil
}

// passOn joins each connection that comes with one to an address, until the listener is closed.
func passOn(l net.Listener, network, address string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial(network, address)
		if err != nil {
			in.Close()
			continue
		}
		go func() {
			var both sync.WaitGroup
			for from, to := range map[net.Conn]net.Conn{in: out, out: in} {
				both.Go(func() {
					_, _ = io.Copy(to, from) // ends with either end
					to.Close()
				})
			}
			both.Wait()
		}()
	}
}

// hosts is a switch at work, and its workers' process ids.
type hosts struct {
	t    *testing.T
	in   io.Writer
	out  *bufio.Scanner
	pids []string
}

// hosts starts the workers on hosts of their own.
func (f *fleet) hosts(t *testing.T, workers ...spec) *hosts {
	t.Helper()
	dir, err := os.MkdirTemp("", "sq-") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	objects, err := net.Listen("unix", filepath.Join(dir, "s3"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { objects.Close() })
	s3, err := url.Parse(f.Objects.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	go passOn(objects, "tcp", s3.Host)
	pg, err := url.Parse(f.Database)
	if err != nil {
		t.Fatal(err)
	}
	q := pg.Query()
	p := plan{Services: map[string]string{"5432": filepath.Join(q.Get("host"), ".s.PGSQL."+q.Get("port")), "6379": f.redis.Addr, "9000": objects.Addr().String()}}
	pg.Host, pg.RawQuery = "SWITCH:5432", "sslmode=disable"
	for _, s := range workers {
		s.Database, s.Redis, s.Objects.Endpoint = pg.String(), "redis://SWITCH:6379", "http://SWITCH:9000"
		p.Workers = append(p.Workers, s)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), switchEnv+"="+string(text)), t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if id := os.Getuid(); id != 0 { // a user namespace makes one's own root
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	in, err := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test needs network namespaces: as root in a container give it CAP_SYS_ADMIN and CAP_NET_ADMIN (docker run --cap-add), "+
			"as another user allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0): %v", err)
	}
	t.Cleanup(func() {
		in.Close() // the switch ends its workers, and itself
		if err := cmd.Wait(); err != nil {
			t.Errorf("the switch ends with %v (Debian, Ubuntu: apt-get install iproute2; the kernel needs veth)", err)
		}
	})
	h := &hosts{t: t, in: in, out: bufio.NewScanner(out)}
	for range workers {
		h.pids = append(h.pids, h.read())
	}
	return h
}

func (h *hosts) read() string {
	h.t.Helper()
	if !h.out.Scan() {
		h.t.Fatal("the switch does not answer; its last words are above (Debian, Ubuntu: apt-get install iproute2; the kernel needs veth)")
	}
	return h.out.Text()
}

// do cuts or mends the cable of a host, counted from 1, or kills its worker.
func (h *hosts) do(what string, host int) {
	h.t.Helper()
	fmt.Fprintln(h.in, what, host)
	if answer := h.read(); answer != "<nil>" {
		h.t.Fatalf("%s %d: %s", what, host, answer)
	}
}

// A worker whose cable is cut for longer than its lease: its work moves to the other host, its late results are
// refused, nothing is double, and once the cable is mended it works again.
func TestCutCable(t *testing.T) {
	t.Parallel()
	const n = 8
	reference := undisturbed(t, n+4)
	f := newFleet(t)
	f.uploadMany(0, n)
	f.discover()
	heard := filepath.Join(t.TempDir(), "heard") // the first worker's model answers once this file is there
	h := f.hosts(t, spec{place: f.place, Until: heard, Hearers: 4})
	f.wait("the first host is at work", func() bool { return f.one(`SELECT count(*) FROM recordings WHERE alive_at IS NOT NULL`) == "4" })
	h.do("cut", 1)

	second := f.hosts(t, spec{place: f.place, Hearers: 4})
	f.waitInspected(n)
	before := f.results()
	if err := os.WriteFile(heard, nil, 0o600); err != nil { // its results are there now, and cannot be told
		t.Fatal(err)
	}
	if got := f.one(`SELECT count(*) FROM recordings WHERE attempt < 3`); got != fmt.Sprint(n-4) {
		t.Errorf("%s recordings did not move, want those that the first host had not begun", got)
	}
	h.do("mend", 1)
	second.do("kill", 1)
	f.uploadMany(n, n+4) // for the first host: there is no other
	f.discover()
	f.waitInspected(n + 4)
	after := f.results()
	if diff := cmp.Diff(reference, after); diff != "" {
		t.Errorf("undisturbed (-) and cut off (+): %s", diff)
	}
	for key, r := range before {
		if after[key] != r {
			t.Errorf("%s: a late result changed %s to %s", key, r, after[key])
		}
	}
	if got := f.one(`SELECT count(*) FROM recordings r JOIN transcripts t ON t.recording = r.id
			WHERE r.key < $1 AND t.transcript -> 'params' ->> 'process' = $2`, fmt.Sprintf("%05d.wav", n), h.pids[0]); got != "0" {
		t.Errorf("%s late transcripts were stored", got)
	}
	if got := f.one(`SELECT count(*) FROM recordings WHERE inspections <> 1`); got != "0" {
		t.Errorf("%s recordings are not inspected once", got)
	}
}
