package worker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/hibiken/asynq"
)

// ParseRedis reads where the queue is: what asynq reads (redis, rediss, redis-socket, redis-sentinel), and
// redis+cluster://[user:password@]host[:port][,host[:port]…] or rediss+cluster:// with TLS. A cluster needs only some of
// its nodes named; it tells the others.
func ParseRedis(uri string) (asynq.RedisConnOpt, error) {
	scheme, rest, _ := strings.Cut(uri, "://")
	if scheme != "redis+cluster" && scheme != "rediss+cluster" {
		return asynq.ParseRedisURI(uri)
	}
	rest, path, _ := strings.Cut(rest, "/")
	if path != "" && path != "0" {
		return nil, errors.New("a Redis Cluster has only database 0")
	}
	at := strings.LastIndex(rest, "@")
	u, err := url.Parse(scheme + "://" + rest[:at+1] + "cluster") // url takes only one host
	if err != nil {
		return nil, errors.New("not a URL") // url's own error repeats the password
	}
	hosts := rest[at+1:]
	opt := asynq.RedisClusterClientOpt{Username: u.User.Username()}
	opt.Password, _ = u.User.Password()
	for host := range strings.SplitSeq(hosts, ",") {
		name, port, err := net.SplitHostPort(host)
		if err != nil {
			name, port = host, "6379"
		}
		if name == "" {
			return nil, fmt.Errorf("%q: a host has no name", hosts)
		}
		opt.Addrs = append(opt.Addrs, net.JoinHostPort(name, port))
	}
	if scheme == "rediss+cluster" {
		name, _, _ := net.SplitHostPort(opt.Addrs[0]) // joined above
		opt.TLSConfig = &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
	}
	return opt, nil
}
