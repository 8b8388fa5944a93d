package servicetest

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisURL is the server that NGUARD_TEST_REDIS names. Others use it too: take a prefix of your own.
func RedisURL(t testing.TB) string {
	t.Helper()
	return need(t, RedisEnv, "Redis")
}

// RedisClient returns a client that is closed when the test ends.
func RedisClient(t testing.TB, o *redis.Options) *redis.Client {
	t.Helper()
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() }) // connections that a test has cut do not close well
	return c
}

// RedisServer is a process of redis-server that belongs to one test.
type RedisServer struct {
	// Addr is its address, host and port. It stays through Stop and Start.
	Addr string

	t    testing.TB
	args []string
	cmd  *exec.Cmd
}

// StartRedis starts a redis-server with nothing in it and no persistence, which ends with the test. More
// arguments are handed on to it, such as "--maxmemory", "1mb". It is skipped where NGUARD_TEST_REDIS is not
// set.
func StartRedis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	need(t, RedisEnv, "Redis")
	addr := FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	s := &RedisServer{Addr: addr, t: t, args: append([]string{
		"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir(),
	}, args...)}
	t.Cleanup(s.Stop)
	s.Start()
	return s
}

// Start starts the process again after Stop, and waits until it takes connections.
func (s *RedisServer) Start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("redis-server: %v", err)
	}
	Until(s.t, "redis-server answers", func() bool {
		c, err := net.DialTimeout("tcp", s.Addr, time.Second)
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
}

// Stop ends the process, at once, and what it held is gone. It does nothing when it is stopped.
func (s *RedisServer) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// FreeAddr returns an address on the loopback interface that was free a moment ago.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
