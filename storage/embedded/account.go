package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// account is whom a server runs as.
type account struct {
	uid, gid int
	name     string
}

// self is the account of this process.
func self() account { return account{uid: os.Geteuid(), gid: os.Getegid(), name: "you"} }

// unprivileged returns the account for a server that refuses to run as root: this process's own, or, for root,
// the owner of existing data, else postgres, else nobody.
func unprivileged(data string) (account, error) {
	if os.Geteuid() != 0 {
		return self(), nil
	}
	st, err := os.Stat(data)
	if err == nil {
		sys := st.Sys().(*syscall.Stat_t)
		if sys.Uid != 0 {
			return account{uid: int(sys.Uid), gid: int(sys.Gid), name: strconv.Itoa(int(sys.Uid))}, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return account{}, fmt.Errorf("look at data directory: %w", err)
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err := errors.Join(err1, err2); err != nil {
			return account{}, fmt.Errorf("ids of user %s: %w", name, err)
		}
		return account{uid: uid, gid: gid, name: name}, nil
	}
	return account{}, sentence(nil, "PostgreSQL refuses to run as root and this machine has neither a user postgres nor nobody: create one (useradd --system postgres) or start speechqa as an ordinary user")
}

// attributes returns how to start a process as the account, able to reach dir even when a parent directory
// (such as /root or a private temporary directory) is closed to it.
func (a account) attributes(dir string) (*syscall.SysProcAttr, error) {
	if a.uid == os.Geteuid() {
		return &syscall.SysProcAttr{}, nil
	}
	attr := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}}
	closed := a.closedParent(dir)
	if closed == "" {
		return attr, nil
	}
	// A capability that only lets the server pass closed directories, rather than opening them to everybody.
	for _, capability := range []uintptr{unix.CAP_DAC_READ_SEARCH, unix.CAP_DAC_OVERRIDE} {
		if hasCapability(capability) {
			attr.AmbientCaps = []uintptr{capability}
			return attr, nil
		}
	}
	return nil, sentence(nil, "user %s, as whom PostgreSQL must run, cannot enter %s: choose another place with --data-dir (such as /var/lib/speechqa) or start speechqa as an ordinary user", a.name, closed)
}

// closedParent returns the first directory on the way to dir (dir excluded) that the account cannot enter, or "".
func (a account) closedParent(dir string) string {
	for p := filepath.Dir(dir); ; p = filepath.Dir(p) {
		st, err := os.Stat(p)
		if err != nil {
			return p
		}
		sys := st.Sys().(*syscall.Stat_t)
		var bit fs.FileMode = 0o001
		switch {
		case int(sys.Uid) == a.uid:
			bit = 0o100
		case int(sys.Gid) == a.gid:
			bit = 0o010
		}
		if st.Mode().Perm()&bit == 0 {
			return p
		}
		if p == filepath.Dir(p) {
			return ""
		}
	}
}

// hasCapability says whether this process may pass the capability on.
func hasCapability(capability uintptr) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[capability/32].Permitted&(1<<(capability%32)) != 0
}

// own gives the path to the account.
func (a account) own(path string) error {
	if a.uid == os.Geteuid() {
		return nil
	}
	if err := os.Chown(path, a.uid, a.gid); err != nil {
		return fmt.Errorf("give %s to user %s: %w", path, a.name, err)
	}
	return nil
}
