package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/worker"
)

func TestParseRedis(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]asynq.RedisConnOpt{
		"redis://:secret@redis:6380/2":              asynq.RedisClientOpt{Addr: "redis:6380", Password: "secret", DB: 2},
		"redis+cluster://a,b:7000,c":                asynq.RedisClusterClientOpt{Addrs: []string{"a:6379", "b:7000", "c:6379"}},
		"redis+cluster://me:se%2Fcret@a/0":          asynq.RedisClusterClientOpt{Addrs: []string{"a:6379"}, Username: "me", Password: "se/cret"},
		"redis-sentinel://a:26379,b:26379?master=m": asynq.RedisFailoverClientOpt{MasterName: "m", SentinelAddrs: []string{"a:26379", "b:26379"}},
	} {
		got, err := worker.ParseRedis(uri)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(asynq.RedisClientOpt{}, "TLSConfig")); diff != "" || err != nil {
			t.Errorf("%s: %v %s", uri, err, diff)
		}
	}
	tls, err := worker.ParseRedis("rediss+cluster://a.example:7000,b.example")
	if opt, ok := tls.(asynq.RedisClusterClientOpt); err != nil || !ok || opt.TLSConfig == nil || opt.TLSConfig.ServerName != "a.example" {
		t.Errorf("%+v, %v", tls, err)
	}
	for _, uri := range []string{"", "a:6379", "redis+cluster://", "redis+cluster://a,,b", "redis+cluster://a/3", "http://a", "redis+cluster://x:se cret@a"} {
		if opt, err := worker.ParseRedis(uri); err == nil {
			t.Errorf("%q is taken for %+v", uri, opt)
		} else if strings.Contains(err.Error(), "se cret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// The queues may lie on the nodes of a cluster; each of them may lose what it held.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	addrs := storagetest.RedisCluster(t)
	f.Redis = "redis+cluster://" + strings.Join(addrs[:2], ",")
	f.uploadMany(0, 6)
	f.discover()
	f.start(&hearing{}, nil)
	f.waitInspected(6)
	for i, addr := range addrs {
		f.forget(addr)
		f.uploadMany(6+i, 7+i)
		f.discover()
		f.waitInspected(7 + i)
	}
	if got := f.one(`SELECT count(*) FROM recordings WHERE inspections <> 1`); got != "0" {
		t.Errorf("%s recordings are not inspected once", got)
	}
	if infos, err := f.queue().Info(); err != nil || len(infos) != len(worker.Queues) {
		t.Errorf("queues: %+v, %v", infos, err)
	}
}

// forget empties one Redis.
func (f *fleet) forget(addr string) {
	f.t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	defer rdb.Close()
	if err := rdb.FlushAll(f.t.Context()).Err(); err != nil {
		f.t.Fatal(err)
	}
}

// A Redis dies and Sentinel makes its replica the master: what the replica has not heard of comes from the database.
func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	sentinel, killMaster := storagetest.RedisSentinel(t)
	f.Redis = "redis-sentinel://" + sentinel + "?master=queue"
	f.uploadMany(0, 6)
	f.discover()
	f.start(&hearing{Takes: 100 * time.Millisecond}, func(c *worker.Config) { c.Overdue = 2 * time.Second })
	f.waitInspected(2)
	killMaster()
	f.uploadMany(6, 12)
	f.discover()
	f.waitInspected(12)
	if got := f.one(`SELECT count(*) FROM recordings WHERE inspections <> 1`); got != "0" {
		t.Errorf("%s recordings are not inspected once", got)
	}
	if err := f.queue().Pause(worker.QueueInspect); err != nil {
		t.Errorf("the new master takes no orders: %v", err)
	}
}
