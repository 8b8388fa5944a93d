package servicetest

import (
	"crypto/rand"
	"os"
	"strings"
	"testing"
)

// The environment variables that name the servers.
const (
	PostgresEnv = "NGUARD_TEST_POSTGRES"
	MySQLEnv    = "NGUARD_TEST_MYSQL"
	RedisEnv    = "NGUARD_TEST_REDIS"
)

// need returns the value of an environment variable, or skips the test.
func need(t testing.TB, name, what string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("skipped: %s is not set, and this test needs %s", name, what)
	}
	return v
}

// fresh is a name that nothing else has.
func fresh() string { return "nguard_test_" + strings.ToLower(rand.Text()[:12]) }
