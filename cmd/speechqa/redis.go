package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// emptyRedis removes everything from the embedded Redis.
func emptyRedis(ctx context.Context, opt asynq.RedisConnOpt) (err error) {
	rdb, ok := opt.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return errors.New("no Redis client")
	}
	defer func() { err = errors.Join(err, rdb.Close()) }()
	if err := rdb.FlushAll(ctx).Err(); err != nil {
		return fmt.Errorf("empty the queue: %w", err)
	}
	return nil
}
